"""A full disk is told by its sentence however a library tells it; other faults stay what they are."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from past.base.disk.space import is_full, space_for
from past.base.errors import DataError, NoSpaceError


def by_number() -> None:
    raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))


def by_words() -> None:
    """As safetensors."""
    raise ValueError("Error while serializing: I/O error: No space left on device (os error 28)")


def over_another() -> None:
    """As torch, whose file cannot be ended after a write that failed."""
    try:
        by_number()
    finally:
        raise RuntimeError("unexpected pos 704 vs 598")


@pytest.mark.parametrize("fail", [by_number, by_words, over_another])
def test_one_sentence_names_the_file_how_much_fitted_and_the_cure(tmp_path: Path, fail: Callable[[], None]) -> None:
    part = tmp_path / "part"
    (part / "inner").mkdir(parents=True)
    (part / "inner" / "weights").write_bytes(b"x" * 2_000_000)
    sentence = r"model: no space left on its disk, where 2\.0 MB of it fitted: free more than that and run"
    with pytest.raises(NoSpaceError, match=sentence) as told, space_for(tmp_path / "model", part):
        fail()
    assert "\n" not in str(told.value)


def told_already() -> None:
    try:
        by_number()
    except OSError as error:
        raise DataError("told: no space left") from error


def test_what_was_told_already_and_other_faults_stay(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^told: no space left$"), space_for(tmp_path):
        told_already()
    with pytest.raises(PermissionError), space_for(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
    assert not is_full(None)
