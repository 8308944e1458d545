"""The end of a disk, said in one sentence."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from past.base.errors import NoSpaceError, PastError

FULL = (errno.ENOSPC, errno.EDQUOT)


@contextlib.contextmanager
def space_for(path: Path, part: Path | None = None) -> Iterator[None]:
    """Say in one sentence that the disk is full, whatever a library that writes `path` makes of it.

    Args:
        path: for the message.
        part: where it is written; None: there.

    Raises:
        NoSpaceError: no space left, or the user's quota is used up.
    """
    try:
        yield
    except PastError:
        raise
    except Exception as error:
        if not is_full(error):
            raise
        raise NoSpaceError(
            f"{path}: no space left on its disk, where {_taken(part or path) / 1e6:,.1f} MB of it fitted: free more "
            "than that and run the same command again, or give another place"
        ) from error


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, says that a disk is full or a quota used up."""
    while error is not None:
        if getattr(error, "errno", None) in FULL or any(os.strerror(code) in str(error) for code in FULL):
            return True
        error = error.__cause__ or error.__context__
    return False


def _taken(part: Path) -> int:
    """Return the bytes that a file or folder takes on its disk."""
    files = [part, *part.rglob("*")] if part.is_dir() else [part]
    return sum(file.stat().st_blocks * 512 for file in files if file.exists())
