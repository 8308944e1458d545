"""Locks that say that a writer lives, on any file system, and the removal of what killed ones left."""

import contextlib
import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final

# What a file system answers that has no locks: Lustre without -o flock, some NFS; EBADF: NFS, for a folder, and for a
# file that is not open for writing
NO_LOCKS: Final = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EINVAL, errno.EBADF})
DAY = 86_400.0  # seconds after which a leftover is abandoned where no lock can say so


def lock(file: BinaryIO | int, kind: int = fcntl.LOCK_EX) -> bool:
    """Lock an open file or folder until it is closed; False where the file system has no locks.

    Args:
        file: opened.
        kind: as `fcntl.flock` takes it.

    Raises:
        BlockingIOError: another process has it (`LOCK_NB`).
    """
    try:
        fcntl.flock(file, kind)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return False
    return True


def unlock(file: BinaryIO | int) -> None:
    """Give up a lock, in all processes at once that inherited the open file."""
    with contextlib.suppress(OSError):  # there was none to be had
        fcntl.flock(file, fcntl.LOCK_UN)


def remove_abandoned(parts: Iterable[Path]) -> None:
    """Remove those of `parts` that killed writers left; what a living one writes stays."""
    for part in parts:
        with contextlib.suppress(OSError):  # a living writer holds its lock, or another process removed it
            _remove_if_abandoned(part)


def _remove_if_abandoned(part: Path) -> None:
    """Remove it unless a living writer may be at work on it: where there are no locks, while it is new.

    The lock is held until it is gone, so that a writer that waits for the lock finds it gone and makes another.
    """
    handle = os.open(part, os.O_RDONLY if part.is_dir() else os.O_RDWR)
    try:
        if lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB) or _now(part) - part.stat().st_mtime >= DAY:
            remove(part)
    finally:
        os.close(handle)


def _now(part: Path) -> float:
    """Return the time by the clock of the file system that `part` lies on: another machine's, maybe."""
    probe = part.with_suffix(f".{uuid.uuid4().hex}.part")  # the next writer's to remove, if this process is killed
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def remove(part: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)
