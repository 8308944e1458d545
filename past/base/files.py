"""Files and folders that are there whole or not at all, on any file system, also one that is full."""

import contextlib
import errno
import fcntl
import glob
import io
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, cast

from past.base.disk.locks import lock, remove, remove_abandoned
from past.base.disk.space import space_for
from past.base.errors import ConfigError

# What a file system answers that has no hard links: exFAT, object stores that are mounted
_NO_LINKS: Final = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EPERM, errno.EINVAL})


def require_free(out: Path) -> None:
    """Raise ConfigError if `out` exists: what a command is asked to make, it never writes over."""
    if out.exists() or out.is_symlink():
        raise ConfigError(f"{out} exists already and was left as it is: give another --out, or remove it first")


def require_own(path: Path, mark: bytes) -> None:
    """Raise ConfigError if `path` is there and its first bytes lack the mark of what is made again and again."""
    if path.is_file():
        with path.open("rb") as file:
            if mark not in file.read(4096):
                raise ConfigError(
                    f"{path} was not made by this program, or by an older version that left no mark, and was left as "
                    "it is: move it away first"
                )


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for writing so that a reader sees the old or the new file, never a part.

    Written under a hidden temporary name beside it, flushed to disk, then renamed; removed if the body raises. A write
    that fails is told at the end of the body: libraries that are told at once crash (HDF5) or name another cause
    (torch).

    Raises:
        NoSpaceError: the disk is full.
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

    Raises:
        NoSpaceError: the disk is full.
    """
    with _part(path, _new_folder) as (part, _):
        made = part / path.name
        yield made
        for file in (made, *made.rglob("*")):
            if file.is_file():
                with file.open("rb") as written:
                    os.fsync(written.fileno())
        made.rename(path)


def create_once(path: Path, content: str) -> bool:
    """Write a whole file unless there is one: of several writers exactly one succeeds; return whether this one did."""
    try:
        with _put_in_place(path, _link) as file:
            file.write(content.encode())
    except FileExistsError:
        return False
    return True


@contextlib.contextmanager
def continued_file(part: Path, wait: bool = True) -> Iterator[tuple[Path, BinaryIO]]:
    """Open a file that goes on where an earlier process stopped, or make it; one process has it at a time.

    Where there are no locks each process has its own, of another name, which is removed if it was not renamed.

    Args:
        part: `<name>.part`.
        wait: for another process that has it.

    Yields:
        Its path, and the file for reading and for writing at its end. A process that waited for another finds what
        that one left, and whether the work is done already.

    Raises:
        BlockingIOError: another process has it, and `wait` is false.
        NoSpaceError: the disk is full; what fitted is kept.
    """
    with space_for(part):
        part.parent.mkdir(parents=True, exist_ok=True)
        with part.open("a+b") as file:
            if lock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB):
                yield part, file
                return
        part.unlink(missing_ok=True)
        remove_abandoned(part.parent.glob(f"{glob.escape(part.stem)}.*.part"))
        own = part.with_suffix(f".{uuid.uuid4().hex}.part")
        try:
            with own.open("a+b") as file:
                yield own, file
        finally:
            own.unlink(missing_ok=True)


def _link(part: Path, path: Path) -> None:
    """Give `part` the name `path` unless it is taken; FileExistsError where it is."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # no hard links: whoever creates the name first writes the content into it, at once
        content = part.read_bytes()
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink()
            raise


class _Raw(io.FileIO):
    """A file that keeps the first failure to write and passes over all that comes after it."""

    failure: OSError | None = None

    def write(self, content, /) -> int:
        if self.failure is None:
            try:
                return super().write(content) or 0
            except OSError as error:
                self.failure = error
        return memoryview(content).nbytes


@contextlib.contextmanager
def _put_in_place(path: Path, put: Callable[[Path, Path], None]) -> Iterator[BinaryIO]:
    with _part(path, _new_file) as (part, handle):
        raw = _Raw(handle, "rb+", closefd=False)
        try:
            with io.BufferedRandom(raw) as file:
                yield cast(BinaryIO, file)
        finally:
            if raw.failure is not None:
                raise OSError(raw.failure.errno, raw.failure.strerror, str(path)) from raw.failure
        os.fsync(handle)
        put(part, path)


@contextlib.contextmanager
def _part(path: Path, make: Callable[[Path], int]) -> Iterator[tuple[Path, int]]:
    """Make a hidden file or folder beside `path`, locked while its writer lives, of a name that is never used twice.

    What killed writers of `path` left is removed first, and this one in the end, unless it was renamed.
    """
    with space_for(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path.parent.glob(f".{glob.escape(path.name)}.*.part"))
        part, handle = _locked_part(path, make)
    try:
        with space_for(path, part):
            yield part, handle
    finally:
        os.close(handle)
        remove(part)


def _locked_part(path: Path, make: Callable[[Path], int]) -> tuple[Path, int]:
    while True:
        part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")  # writers on other machines have their own
        handle = make(part)
        try:
            lock(handle)  # says that its writer lives
            if part.exists():
                return part, handle
        except OSError:
            os.close(handle)
            remove(part)
            raise
        os.close(handle)  # before it was locked, another writer took it for abandoned: once more


def _new_file(part: Path) -> int:
    return os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)


def _new_folder(part: Path) -> int:
    part.mkdir()
    return os.open(part, os.O_RDONLY)
