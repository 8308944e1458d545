"""Files whose data lie elsewhere are refused by name; nothing outside the file is read."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from past.base.errors import DataError
from past.base.foreign.hdf5 import open_hdf5


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file of the user's own: four numbers, as raw bytes and as HDF5."""
    path = tmp_path / "private"
    path.write_bytes(np.arange(4, dtype="<i8").tobytes())
    with h5py.File(tmp_path / "private.h5", "w") as file:
        file["data"] = np.arange(4)
    return path


def external_storage(file: h5py.File, secret: Path) -> None:
    file.create_dataset("X", (4,), "<i8", external=[(str(secret), 0, 32)])


def external_link(file: h5py.File, secret: Path) -> None:
    file["deep/X"] = h5py.ExternalLink(str(secret) + ".h5", "/data")


def virtual_data(file: h5py.File, secret: Path) -> None:
    layout = h5py.VirtualLayout((4,), "<i8")
    layout[:] = h5py.VirtualSource(str(secret) + ".h5", "data", (4,))
    file.create_virtual_dataset("X", layout)


@pytest.mark.parametrize("put", [external_storage, external_link, virtual_data])
def test_data_in_another_file_are_refused(tmp_path: Path, secret: Path, put) -> None:
    with h5py.File(tmp_path / "given.h5", "w") as file:
        put(file, secret)
    with pytest.raises(DataError, match=r"given\.h5: .*X lies in another file \(.*private.*write the data into one"):
        open_hdf5(tmp_path / "given.h5")


def test_links_within_the_file_are_followed(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "own.h5", "w") as file:
        file["a/data"] = np.arange(3)
        file["a/again"] = file["a"]  # a circle
        file["soft"] = h5py.SoftLink("/a/data")
        layout = h5py.VirtualLayout((3,), "<i8")
        layout[:] = h5py.VirtualSource(".", "a/data", (3,))
        file.create_virtual_dataset("virtual", layout)
    with open_hdf5(tmp_path / "own.h5") as file:
        assert file["soft"][:].tolist() == file["virtual"][:].tolist() == [0, 1, 2]
