"""Whatever a user can mend is caught as one kind, and says its sentence alone."""

import sys

import pytest

import past_pathology
from past.base.errors import CheckpointError, ConfigError, DataError, PastError, TrainingError


@pytest.mark.parametrize("kind", [ConfigError, DataError, CheckpointError, TrainingError])
def test_each_is_caught_as_an_error_of_the_user(kind: type[PastError]) -> None:
    with pytest.raises(PastError, match=r"^S1: no such section$"):
        raise kind("S1: no such section")


def test_the_command_line_ends_with_the_sentence_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["past", "verify", "nowhere"])
    with pytest.raises(SystemExit, match=r"^past: nowhere: no index.json there; .*$"):
        past_pathology.main()
