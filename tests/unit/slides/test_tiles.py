"""Patch files: read as HEST writes them, refused in one sentence where they are not."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from past.base.errors import DataError
from past.slides.tiles import PatchFile, write_patches

IMAGES = np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3)
COORDS = np.array([[0, 0], [100, 0], [0, 100]])


def test_what_is_written_is_read_and_the_bytes_are_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a.h5", "b.h5"):
        write_patches(tmp_path / name, IMAGES, COORDS, ["x", "y", "z"])
    file = PatchFile.open(tmp_path / "a.h5")
    assert file.barcodes == ("x", "y", "z")
    assert np.array_equal(file.coords, COORDS)
    assert np.array_equal(file.images(1, 3), IMAGES[1:])
    assert file.sha256 == PatchFile.open(tmp_path / "b.h5").sha256


def test_reference_patches_are_read(reference: Path) -> None:
    file = PatchFile.open(reference / "hest_mini" / "bench" / "IDC" / "patches" / "S1.h5")
    assert len(file) == 42
    assert file.barcodes[:2] == ("S1-000", "S1-001")
    assert file.images(0, 2).shape == (2, 224, 224, 3)


def test_broken_patch_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such patch file"):
        PatchFile.open(tmp_path / "none.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(DataError, match="not an HDF5 file"):
        PatchFile.open(tmp_path / "text.h5")
    write_patches(tmp_path / "twice.h5", IMAGES, COORDS, ["x", "y", "x"])
    with pytest.raises(DataError, match=r"twice\.h5: 1 names of rows occur more than once \(x…\)"):
        PatchFile.open(tmp_path / "twice.h5")
    write_patches(tmp_path / "short.h5", IMAGES, COORDS, ["x", "y", "z"])
    with h5py.File(tmp_path / "short.h5", "a") as file:
        del file["coords"]
    with pytest.raises(DataError, match="no coords in it, but barcode, img"):
        PatchFile.open(tmp_path / "short.h5")
    write_patches(tmp_path / "grey.h5", IMAGES.astype(np.uint8)[..., :1], COORDS, ["x", "y", "z"])
    with pytest.raises(DataError, match=r"shape \(3, 4, 4, 1\)"):
        PatchFile.open(tmp_path / "grey.h5")
