"""Files whose data lie elsewhere are refused by name; nothing outside the file is read."""

import errno
import fcntl
from pathlib import Path

import h5py
import numpy as np
import pytest

from past.base.disk.hdf5 import new_hdf5
from past.base.errors import DataError
from past.base.foreign.hdf5 import open_hdf5, require_room


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


def test_a_claim_that_is_not_stored_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "given.h5", "w") as file:
        file.create_dataset("X", (10**15,), "<f8", chunks=(1024,), compression="gzip")
    with pytest.raises(
        DataError, match=r"given\.h5: /X claims 8,000,000,000,000,000 bytes, .* and 0 are stored: made to"
    ):
        open_hdf5(tmp_path / "given.h5")
    with h5py.File(tmp_path / "packed.h5", "w") as file:  # as well packed as gzip can
        file.create_dataset("X", data=np.zeros(20 << 20, np.int64), chunks=(1 << 20,), compression="gzip")
    with open_hdf5(tmp_path / "packed.h5") as file:
        assert file["X"].shape == (20 << 20,)


def test_data_beyond_the_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with h5py.File(tmp_path / "given.h5", "w") as file:
        file["X"] = np.zeros(10 << 20)
        file["deep/Y"] = np.zeros(10 << 20)
    monkeypatch.setattr("past.base.foreign.memory.available_memory", lambda: 100 << 20)
    says = r"given\.h5: reading it whole needs 0\.17 GB of memory, and 0\.10 GB are free"
    with open_hdf5(tmp_path / "given.h5") as file, pytest.raises(DataError, match=says):
        require_room(file, tmp_path / "given.h5")


def test_a_heap_of_which_a_page_became_zeros_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "given.h5"
    with h5py.File(path, "w") as file:
        for number in range(200):
            file.attrs[f"word {number}"] = "text"
        file["words"] = ["a", "b"]
    content = bytearray(path.read_bytes())
    start = content.find(b"GCOL")
    content[start + 400 : start + 1_000] = bytes(600)
    with open_hdf5(path) as file:
        assert file.attrs["word 7"] == "text"
    (tmp_path / "zeroed.h5").write_bytes(content)
    with pytest.raises(DataError, match=r"zeroed\.h5: not an HDF5 file, or cut off \(the heap at byte .* is damaged\)"):
        open_hdf5(tmp_path / "zeroed.h5")


def test_whatever_the_library_raises_is_one_sentence(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "given.h5", "w") as file:
        file["a"] = np.arange(3)
    content = (tmp_path / "given.h5").read_bytes()
    assert b"SNOD" in content
    (tmp_path / "broken.h5").write_bytes(content.replace(b"SNOD", b"LOST"))
    with pytest.raises(RuntimeError), h5py.File(tmp_path / "broken.h5") as file:  # what is turned into the sentence
        list(file)
    with pytest.raises(DataError, match=r"^.*broken\.h5: not an HDF5 file, or cut off \(.*\): copy it again$"):
        open_hdf5(tmp_path / "broken.h5")


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_lock_that_cannot_be_had_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    with new_hdf5(tmp_path / "a.h5") as file:
        file["a"] = np.arange(3)

    def opened(path: Path, mode: str, locking: bool = True, real=h5py.File) -> h5py.File:
        if locking:
            raise OSError(code, f"unable to lock file, errno = {code}")
        return real(path, mode, locking=False)

    monkeypatch.setattr(h5py, "File", opened)
    with open_hdf5(tmp_path / "a.h5") as file:
        assert file["a"][:].tolist() == [0, 1, 2]


def test_a_file_that_another_program_writes_is_not_opened(tmp_path: Path) -> None:
    with new_hdf5(tmp_path / "a.h5") as file:
        file["a"] = np.arange(3)
    with (tmp_path / "a.h5").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="unable to lock file"):
            open_hdf5(tmp_path / "a.h5")
