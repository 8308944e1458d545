"""Whatever a user can mend is caught as one kind, and says its sentence alone."""

import pickle
import sys

import pytest

import past_pathology
from past.base.errors import CheckpointError, ConfigError, DataError, PastError, TrainingError, reading


@pytest.mark.parametrize("kind", [ConfigError, DataError, CheckpointError, TrainingError])
def test_each_is_caught_as_an_error_of_the_user(kind: type[PastError]) -> None:
    with pytest.raises(PastError, match=r"^S1: no such section$"):
        raise kind("S1: no such section")


def test_the_command_line_ends_with_the_sentence_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["past", "verify", "nowhere"])
    with pytest.raises(SystemExit, match=r"^past: nowhere: no index.json there; .*$"):
        past_pathology.main()


def test_a_sentence_is_one_printable_line_however_hostile_what_it_quotes() -> None:
    said = str(DataError("a\nb: \x1b[31mred\x00 \u202e\ud800 is no name"))
    assert said == r"a b: \x1b[31mred\x00 \u202e\ud800 is no name"
    long = str(DataError(f"a.json: {'x' * 1_000_000} is no name: give another"))
    assert len(long) == 1_000
    assert long.startswith("a.json: xxx")
    assert long.endswith("is no name: give another")


def test_several_faults_are_a_line_each() -> None:
    assert str(DataError("one\ntwo", "three")) == "one two\nthree"
    again = pickle.loads(pickle.dumps(DataError("one", "two")))
    assert (type(again), str(again)) == (DataError, "one\ntwo")


def test_whatever_is_raised_over_a_file_becomes_a_sentence() -> None:
    for error in (MemoryError(), RecursionError("deep"), KeyError("a"), RuntimeError("two\nlines")):
        says = pytest.raises(CheckpointError, match=r"^a\.ckpt: cannot be read \(.+\): copy it again$")
        with says as found, reading("a.ckpt", "cannot be read", "copy it again", CheckpointError):
            raise error
        assert found.value.__cause__ is error
    with pytest.raises(ConfigError, match="its own"), reading("a", "b", "c"):
        raise ConfigError("its own")
