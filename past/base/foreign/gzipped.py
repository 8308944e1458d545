"""Gzip files of text: unpacked while they are read, and no further than text can be packed."""

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from past.base.errors import DataError

SMALL: Final = 64 << 20  # bytes that any file may become
PACKED: Final = 100  # times smaller that text becomes at most; DEFLATE packs zeros 1,032 times smaller


class _Bounded(io.RawIOBase):
    """Bytes of a gzip file, up to what its size allows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = gzip.open(path)  # noqa: SIM115 (closed with this)
        self._left = max(SMALL, PACKED * path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        read = self._file.readinto(buffer)
        self._left -= read
        if self._left < 0:
            raise DataError(f"{self._path}: unpacks to over {PACKED} times its size: made to fill the memory; refused")
        return read

    def close(self) -> None:
        self._file.close()
        super().close()


def open_bytes(path: Path) -> io.BufferedReader:
    """Open a file for reading bytes, one whose name ends in .gz unpacked.

    Raises:
        OSError: missing.
        DataError: while reading, where it unpacks to more than text would; besides what `gzip` raises.
    """
    return io.BufferedReader(_Bounded(path)) if path.suffix == ".gz" else path.open("rb")


def lines_of(path: Path) -> Iterator[str]:
    """Yield the lines of a text file (UTF-8), of one whose name ends in .gz unpacked; errors as `open_bytes`."""
    with io.TextIOWrapper(open_bytes(path), "utf-8-sig") as file:
        for line in file:
            yield line.rstrip("\r\n")
