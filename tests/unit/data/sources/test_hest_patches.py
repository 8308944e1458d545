"""Patches in place of a slide: each where its spot lies, and nothing but whole patches."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from past.base.errors import DataError
from past.data.sources.hest_patches import PatchPicture

PATCHES = np.random.default_rng(0).integers(0, 255, (2, 224, 224, 3), dtype=np.uint8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "S.h5", "w") as file:
        file["img"] = PATCHES
        file["barcode"] = np.array([[b"second"], [b"first"]])
    return tmp_path / "S.h5"


def test_a_spots_patch_is_found_by_its_name_and_lies_around_its_centre(path: Path) -> None:
    picture, kept = PatchPicture.open(
        path, ["first", "absent", "second"], np.array([[112.0, 112], [5, 5], [400.2, 300]])
    )
    assert kept.tolist() == [0, 2]
    assert picture.size == (288 + 224, 188 + 224)
    np.testing.assert_array_equal(np.asarray(picture.crop((0, 0, 224, 224))), PATCHES[1])
    np.testing.assert_array_equal(np.asarray(picture.crop((288, 188, 512, 412))), PATCHES[0])
    for box in ((1, 0, 225, 224), (0, 0, 100, 100)):
        with pytest.raises(DataError, match=r"patches of 224 px at 0\.5 µm/px only: use --px 224 --mpp 0\.5"):
            picture.crop(box)


def test_the_overview_is_white_where_no_patch_lies(path: Path) -> None:
    picture, _ = PatchPicture.open(path, ["first", "second"], np.array([[112.0, 112], [560.0, 112]]))
    small = np.asarray(picture.reduce(16))
    assert small.shape == (14, 42, 3)
    assert small[:, 14:28].min() == 255
    np.testing.assert_allclose(small[0, 0], PATCHES[1][:16, :16].mean(axis=(0, 1)), atol=1)


def test_other_files_are_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a patch of none of the 1 spots: of another sample"):
        PatchPicture.open(path, ["third"], np.zeros((1, 2)))
    with h5py.File(tmp_path / "small.h5", "w") as file:
        file["img"], file["barcode"] = PATCHES[:, :100], np.array([b"a", b"b"])
    with pytest.raises(DataError, match=r"patches of \(2, 100, 224, 3\), uint8, wanted 2 × 224 × 224 × 3"):
        PatchPicture.open(tmp_path / "small.h5", ["a"], np.zeros((1, 2)))
    (tmp_path / "text.h5").write_bytes(b"text")
    with pytest.raises(DataError, match="not HEST's patches, or damaged"):
        PatchPicture.open(tmp_path / "text.h5", ["a"], np.zeros((1, 2)))
