"""Leftovers are known by a lock that nobody holds, or, where there are no locks, by their age."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from past.base.disk import locks
from past.base.disk.locks import DAY, lock, remove, remove_abandoned


@pytest.fixture(params=[errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def no_locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)


def leftovers(folder: Path) -> dict[str, Path]:
    """An old file, an old folder, a new file."""
    for name, age in (("old", 2 * DAY), ("folder", 2 * DAY), ("new", 0)):
        part = folder / f".{name}.0.part"
        part.mkdir() if name == "folder" else part.write_text("half")
        now = part.stat().st_mtime
        os.utime(part, (now - age,) * 2)
    return {path.name: path for path in folder.iterdir()}


def test_what_nobody_holds_is_removed_and_what_somebody_holds_stays(tmp_path: Path) -> None:
    held = leftovers(tmp_path)[".old.0.part"]
    with held.open("rb") as file:
        assert lock(file)
        with held.open("rb") as other, pytest.raises(BlockingIOError):
            lock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_abandoned(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == [held]


def test_no_writer_can_take_a_leftover_while_it_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked_by_another(part: Path) -> None:
        with part.open("rb") as other, pytest.raises(BlockingIOError):
            lock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.unlink()

    part = tmp_path / ".file.0.part"
    part.write_text("half")
    monkeypatch.setattr(locks, "remove", locked_by_another)
    remove_abandoned([part])
    assert not part.exists()


@pytest.mark.usefixtures("no_locks")
def test_without_locks_only_leftovers_of_yesterday_are_removed(tmp_path: Path) -> None:
    leftovers(tmp_path)
    remove_abandoned(tmp_path.glob("*.part"))
    assert os.listdir(tmp_path) == [".new.0.part"]
    with (tmp_path / ".new.0.part").open("rb") as file:
        assert not lock(file)


def test_another_fault_than_a_missing_lock_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with (tmp_path / "a").open("wb") as file, pytest.raises(OSError, match="Input/output error"):
        lock(file)


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    remove(tmp_path / "gone")
