"""HDF5 files that come from others: opened only where all their data lie in the file itself."""

from pathlib import Path
from typing import Any

import h5py

from past.base.errors import DataError


def open_hdf5(path: Path) -> h5py.File:
    """Open a file for reading.

    HDF5 can read parts of a file from elsewhere on the machine (external links, external storage, virtual data sets):
    a file that somebody made could so bring private files into what is made of it. None of these is followed.

    Raises:
        DataError: a part of it lies in another file.
        OSError: missing, no HDF5 file, or cut off.
    """
    file = h5py.File(path, "r")
    try:
        _require_own_data(file, path)
    except BaseException:
        file.close()
        raise
    return file


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
