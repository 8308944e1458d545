"""HDF5 files: those of others are opened only where all their data lie in the file itself; ours are made whole."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from past.base.disk.locks import UNSUPPORTED
from past.base.errors import DataError
from past.base.files import atomic_file


def open_hdf5(path: Path) -> h5py.File:
    """Open a file for reading.

    HDF5 can read parts of a file from elsewhere on the machine (external links, external storage, virtual data sets):
    a file that somebody made could so bring private files into what is made of it. None of these is followed.

    Raises:
        DataError: a part of it lies in another file.
        OSError: missing, no HDF5 file, or cut off.
    """
    file = _opened(path)
    try:
        _require_own_data(file, path)
    except BaseException:
        file.close()
        raise
    return file


@contextlib.contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a new file for writing; it is there whole or not at all, and HDF5 asks for no lock.

    Raises:
        NoSpaceError: the disk is full; told at the end, for HDF5 crashes where a write fails.
    """
    with atomic_file(path) as raw, h5py.File(raw, "w") as file:
        yield file


def _opened(path: Path) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
        return h5py.File(path, "r", locking=False)  # a file system without locks


def _require_own_data(file: h5py.File, path: Path) -> None:
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
                other = _other_file(item)
                if other is not None:
                    raise _elsewhere(path, str(item.name), other)
            elif isinstance(item, h5py.Group) and item not in seen:  # groups may hold each other
                seen.add(item)
                groups.append(item)


def _other_file(dataset: h5py.Dataset) -> str | None:
    """Return the name of another file that a data set is read from, None where there is none."""
    if dataset.external:
        return str(dataset.external[0][0])
    if dataset.is_virtual:
        return next((part.file_name for part in dataset.virtual_sources() if part.file_name != "."), None)
    return None


def _elsewhere(path: Path, name: str, other: str) -> DataError:
    return DataError(f"{path}: {name} lies in another file ({other}), which is not read: write the data into one file")
