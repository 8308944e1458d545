"""HDF5 files of our own; those of others are opened by `past.base.foreign.hdf5`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py

from past.base.files import atomic_file


@contextlib.contextmanager
def new_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a new file for writing; it is there whole or not at all, and HDF5 asks for no lock.

    Raises:
        NoSpaceError: the disk is full; told at the end, for HDF5 crashes where a write fails.
    """
    with atomic_file(path) as raw, h5py.File(raw, "w") as file:
        yield file
