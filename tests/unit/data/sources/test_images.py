"""A section's H&E: found beside it, and compared with where the cells lie."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from platforms import stained

from past.base.errors import DataError
from past.base.foreign.picture import open_picture
from past.data.sources.images import (
    check_inside,
    check_on_tissue,
    find_image,
    outside,
    overview,
)


def test_the_image_is_the_one_that_is_named_else_the_one_beside(tmp_path: Path) -> None:
    for name in ("S.jpg", "other.png"):
        (tmp_path / name).touch()
    assert find_image(tmp_path / "S.h5ad", None) == tmp_path / "S.jpg"
    assert find_image(tmp_path / "S.h5ad", "other.png") == tmp_path / "other.png"
    with pytest.raises(DataError, match=r"T: no image T\{\.jpg,\.jpeg,\.png,\.tif,\.tiff\} in .*--image"):
        find_image(tmp_path / "T.h5ad", None)
    (tmp_path / "S.png").touch()
    with pytest.raises(DataError, match=r"S: S\.jpg and S\.png in .* could both be its image: give one with --image"):
        find_image(tmp_path / "S.h5ad", None)


def test_centres_outside_are_counted() -> None:
    centres = np.array([[0, 0], [10, 20], [10.1, 5], [5, -0.1], [15, 5]])
    assert outside((10, 20), centres).tolist() == [False, False, True, True, True]
    with pytest.raises(DataError, match="S: 3 of 5 spots lie outside the 10 × 20 px image: the image of another resol"):
        check_inside("S", Image.new("RGB", (10, 20)), centres)
    with pytest.raises(DataError, match=r"S: 1 of 2 spots .*with x and y exchanged all lie inside"):
        check_inside("S", Image.new("RGB", (10, 20)), np.array([[15.0, 5.0], [5.0, 5.0]]))
    check_inside("S", Image.new("RGB", (10, 20)), centres[:2])


@pytest.mark.parametrize(("mpp", "step"), [(0.25, 32), (0.5, 16), (1.0, 8), (8.0, 1), (50.0, 1)])
def test_an_overview_is_of_about_a_cells_size_a_pixel(mpp: float, step: int) -> None:
    small, found = overview(Image.new("RGB", (64, 32), (10, 20, 30)), mpp)
    assert (found, small.shape, small.dtype) == (step, (32 // step, 64 // step, 3), np.int16)
    assert small[0, 0].tolist() == [10, 20, 30]


def test_spots_must_lie_on_tissue() -> None:
    centres = np.random.default_rng(0).uniform((30, 30), (570, 170), (60, 2))
    image = stained((600, 600), centres, radius=14)
    check_on_tissue("S", image, 1.0, centres)
    with pytest.raises(DataError, match=r"S: .*% of the spots lie on tissue, .*% with x and y exchanged: swap"):
        check_on_tissue("S", image, 1.0, centres[:, ::-1])
    with pytest.raises(DataError, match=r"S: 0% of the spots lie on stained tissue, the others on background"):
        check_on_tissue("S", image, 1.0, np.full((60, 2), 590.0))
    with pytest.raises(DataError, match="S: the brightest of its image is 90 of 255: fluorescence"):
        check_on_tissue("S", Image.new("RGB", (600, 600), (90, 95, 90)), 1.0, centres)


def test_coordinates_of_a_turned_pictures_stored_pixels_are_not_called_exchanged(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20), "pink").save(tmp_path / "S.jpg", exif=exif)
    with pytest.raises(
        DataError, match=r"orientation 6\) and were read upright: are the coordinates of the stored ones"
    ):
        check_inside("S", open_picture(tmp_path / "S.jpg"), np.array([[35.0, 5.0]]))
