"""Whatever a user can mend is caught as one kind, and says its sentence alone."""

import pickle
import sys

import pytest

import past_pathology
from past.base.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    PastError,
    TrainingError,
    reading,
    require_number,
)


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


@pytest.mark.parametrize(
    ("value", "bounds", "says"),
    [
        (-1, {"least": 0}, "n=-1: give a whole number of 0 or more"),
        (2.5, {"least": 0}, "n=2.5: give a whole number of 0 or more"),
        (9, {"least": 1, "most": 8}, "n=9: give a whole number from 1 to 8"),
        (float("nan"), {"above": 0.0}, "n=nan: give a number above 0"),
        (float("inf"), {"above": 0.0}, "n=inf: give a number above 0"),
        (0, {"above": 0.0}, "n=0: give a number above 0"),
        (1.5, {"least": 0.0, "most": 1.0}, "n=1.5: give a number from 0 to 1"),
        ("many", {"least": 1}, "n=many: give a whole number of 1 or more"),
    ],
)
def test_a_setting_out_of_range_is_one_sentence(value: float, bounds: dict[str, float], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        require_number("n", value, **bounds)
    assert str(caught.value) == says


def test_a_setting_in_range_is_let_through() -> None:
    require_number("n", 0, least=0)
    require_number("n", 8, least=1, most=8)
    require_number("n", 1e-9, above=0.0)
    require_number("n", 1, least=0.0, most=1.0)
