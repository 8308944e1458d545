"""HDF5 files that come from others: opened only where all their data lie in the file itself, as large as they claim."""

import mmap
import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import h5py

from past.base.disk.locks import NO_LOCKS
from past.base.errors import DataError, reading
from past.base.foreign.memory import require_memory

_HEAP: Final = b"GCOL\1\0\0\0"  # signature and version, HDF5 File Format Specification III.E
_OBJECT: Final = struct.Struct("<H6xQ")  # number, length
SMALL: Final = 64 << 20  # bytes of a data set that may be claimed without being stored
PACKED: Final = 2_000  # times smaller that what is stored may be than what it claims; DEFLATE reaches 1,032


def open_hdf5(path: Path, fault: str = "not an HDF5 file, or cut off", cure: str = "copy it again") -> h5py.File:
    """Open a file for reading.

    HDF5 can read parts of a file from elsewhere on the machine (external links, external storage, virtual data sets):
    a file that somebody made could so bring private files into what is made of it. None of these is followed. Nor is
    a data set believed that claims far more than is stored of it: it would be made of nothing, in memory.

    Args:
        path: the file.
        fault: how it is called where it cannot be read.
        cure: what helps then.

    Raises:
        DataError: missing, no HDF5 file, damaged, a part of it lies in another file, or claims what it does not hold.
    """
    with reading(path, fault, cure):
        about = path.stat()
        _require_heaps(path, about.st_ino, about.st_size, about.st_mtime_ns)
        file = _opened(path)
        try:
            for dataset in _datasets(file, path):
                _require_own_data(dataset, path)
                _require_stored(dataset, path)
        except BaseException:
            file.close()
            raise
        return file


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return h5py.File(path, "r", locking=False)  # a file system without locks


def require_room(file: h5py.File, path: Path) -> None:
    """Raise DataError where all data of a file together do not fit into memory."""
    claimed = sum(dataset.size * dataset.dtype.itemsize for dataset in _datasets(file, path) if dataset.size)
    require_memory(claimed, f"{path}: reading it whole", "keep in it only what is needed, or read it elsewhere")


@lru_cache(maxsize=4096)
def _require_heaps(path: Path, inode: int, size: int, changed: int) -> None:
    """Walk the global heaps (words and attributes) of a version of a file, once a process.

    HDF5 itself never comes back from one of which a page became zeros: an object of no length follows itself.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        place = content.find(_HEAP)
        while place >= 0:
            end = min(place + int.from_bytes(content[place + 8 : place + 16], "little"), len(content))
            place += 16
            while place + 16 <= end:
                number, length = _OBJECT.unpack_from(content, place)
                if number == 0 and length < 16:
                    raise ValueError(f"the heap at byte {place:,} is damaged")
                place += length if number == 0 else 16 + -(-length // 8) * 8
            place = content.find(_HEAP, place) if place < len(content) else -1


def _datasets(file: h5py.File, path: Path) -> Iterator[h5py.Dataset]:
    """Yield every data set once; DataError where one lies in another file."""
    groups: list[Any] = [file]
    seen = set()
    while groups:
        group = groups.pop()
        for name in group:
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.SoftLink):
                continue  # a name of something in this file
            if not isinstance(link, h5py.HardLink):
                raise _elsewhere(path, f"{group.name}/{name}", getattr(link, "filename", "somewhere else"))
            item = group[name]
            if isinstance(item, h5py.Dataset):
                yield item
            elif isinstance(item, h5py.Group) and item not in seen:  # groups may hold each other
                seen.add(item)
                groups.append(item)


def _require_own_data(dataset: h5py.Dataset, path: Path) -> None:
    other = None
    if dataset.external:
        other = str(dataset.external[0][0])
    elif dataset.is_virtual:
        other = next((part.file_name for part in dataset.virtual_sources() if part.file_name != "."), None)
    if other is not None:
        raise _elsewhere(path, str(dataset.name), other)


def _require_stored(dataset: h5py.Dataset, path: Path) -> None:
    claimed = (dataset.size or 0) * dataset.dtype.itemsize
    if claimed > SMALL:
        stored = dataset.id.get_storage_size()
        if claimed > PACKED * stored:
            raise DataError(
                f"{path}: {dataset.name} claims {claimed:,} bytes, shape {dataset.shape}, and {stored:,} are stored: "
                "made to mislead, or never written; write it again"
            )


def _elsewhere(path: Path, name: str, other: str) -> DataError:
    return DataError(f"{path}: {name} lies in another file ({other}), which is not read: write the data into one file")
