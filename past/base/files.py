"""Files and folders that are there whole or not at all, on any file system."""

import contextlib
import errno
import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

# What a file system answers without locks (Lustre without -o flock, some NFS) or hard links (exFAT, object mounts)
UNSUPPORTED = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK, errno.EPERM, errno.EINVAL, errno.EBADF}
DAY = 86_400.0  # seconds after which a leftover is abandoned where no lock can say so


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for writing so that a reader sees the old or the new file, never a part.

    Written under a hidden temporary name beside it, flushed to disk, then renamed; removed if the body raises.
    """
    with _put_in_place(path, os.replace) as file:
        yield file


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write a whole file (text as UTF-8) through `atomic_file`."""
    with atomic_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path for a program that opens files itself; what it makes there, a file or a folder, becomes `path`.

    It lies in a hidden folder beside `path` whose name is never used twice: what a killed writer left is removed, not
    continued. A file that is there is replaced; a folder that is there is an error (OSError).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path.parent, path.name)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    part.mkdir()
    handle = os.open(part, os.O_RDONLY)
    try:
        lock(handle)  # says that its writer lives
        yield part / path.name
        (part / path.name).rename(path)
    finally:
        os.close(handle)
        shutil.rmtree(part, ignore_errors=True)


def create_once(path: Path, content: str) -> bool:
    """Write a whole file unless there is one: of several writers exactly one succeeds; return whether this one did."""
    try:
        with _put_in_place(path, _link) as file:
            file.write(content.encode())
    except FileExistsError:
        return False
    return True


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
        if error.errno not in UNSUPPORTED:
            raise
        return False
    return True


def remove_abandoned(folder: Path, name: str) -> None:
    """Remove what killed writers left of the files whose names match `name`; what a living one writes stays."""
    for part in folder.glob(f".{name}.*.part"):
        with contextlib.suppress(OSError):
            if not _is_held(part):
                _remove(part)


def _is_held(part: Path) -> bool:
    """Whether a living writer may be at work on it: it holds the lock, or, where there are none, the file is new."""
    handle = os.open(part, os.O_RDONLY if part.is_dir() else os.O_RDWR)
    try:
        return not lock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB) and _now(part) - part.stat().st_mtime < DAY
    except BlockingIOError:
        return True
    finally:
        os.close(handle)


def _now(beside: Path) -> float:
    """Return the time by the clock of the file system that `beside` lies on: another machine's, maybe."""
    probe = beside.with_name(f".{uuid.uuid4().hex}.now")
    try:
        probe.touch()
        return probe.stat().st_mtime
    finally:
        probe.unlink(missing_ok=True)


def _remove(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _link(part: Path, path: Path) -> None:
    """Give `part` the name `path` unless it is taken; FileExistsError where it is."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        # no hard links: whoever creates the name first writes the content into it, at once
        content = part.read_bytes()
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


@contextlib.contextmanager
def _put_in_place(path: Path, put: Callable[[Path, Path], None]) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")  # writers on other machines have their own
    try:
        with part.open("wb") as file:
            lock(file)  # says that its writer lives
            yield file
            file.flush()
            os.fsync(file.fileno())
            put(part, path)
    finally:
        part.unlink(missing_ok=True)
