"""Files that are there whole or not at all."""

import contextlib
import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO


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


def create_once(path: Path, content: str) -> bool:
    """Write a whole file unless there is one: of several writers exactly one succeeds; return whether this one did."""
    try:
        with _put_in_place(path, os.link) as file:
            file.write(content.encode())
    except FileExistsError:
        return False
    return True


def remove_abandoned(folder: Path, name: str) -> None:
    """Remove what killed writers left of the files whose names match `name`; what a living one writes stays."""
    for part in folder.glob(f".{name}.*.part"):
        with contextlib.suppress(OSError), part.open("r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: its writer lives
            part.unlink()


@contextlib.contextmanager
def _put_in_place(path: Path, put: Callable[[Path, Path], None]) -> Iterator[BinaryIO]:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")  # writers on other machines have their own
    try:
        with part.open("wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # says that its writer lives
            yield file
            file.flush()
            os.fsync(file.fileno())
            put(part, path)
    finally:
        part.unlink(missing_ok=True)
