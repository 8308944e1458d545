"""A section's H&E: found beside it, opened whatever its format, and compared with where the cells lie."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from platforms import stained, write_ome_tiff

from past.base.errors import DataError
from past.base.pictures import TiledPicture
from past.data.sources.images import (
    check_inside,
    check_on_tissue,
    find_image,
    open_picture,
    outside,
    overview,
    read_image,
)


@pytest.mark.parametrize(("mode", "says"), [("RGBA", "RGBA"), ("L", "one grey channel"), ("I;16", "16-bit grey")])
def test_pictures_that_are_no_rgb_are_refused(tmp_path: Path, mode: str, says: str) -> None:
    path = tmp_path / "image.png"
    Image.new(mode, (20, 20)).save(path)
    with pytest.raises(DataError, match=f"{says}.*give the H&E image as RGB"):
        open_picture(path)


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


def test_a_tiff_is_read_by_region_and_others_whole(tmp_path: Path) -> None:
    pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
    pixels = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    write_ome_tiff(tmp_path / "a.png", pixels, photometric="rgb")  # by what it is, not by what it is called
    Image.fromarray(pixels).save(tmp_path / "b.png")
    one, other = open_picture(tmp_path / "a.png"), open_picture(tmp_path / "b.png")
    assert isinstance(one, TiledPicture)
    assert isinstance(other, Image.Image)
    for picture in (one, other):
        np.testing.assert_array_equal(np.asarray(picture.crop((5, 6, 25, 36))), pixels[6:36, 5:25])
    with pytest.raises(DataError, match=r"c\.png: no such image"):
        open_picture(tmp_path / "c.png")


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"text")
    with pytest.raises(DataError, match=r"a\.png: not an image that can be read"):
        read_image(tmp_path / "a.png")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)).save(tmp_path / "b.png")
    (tmp_path / "b.png").write_bytes((tmp_path / "b.png").read_bytes()[:3000])
    with pytest.raises(DataError, match=r"b\.png: the image is damaged or cut off"):
        read_image(tmp_path / "b.png")


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


@pytest.mark.parametrize("stored", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "tif"])
def test_a_picture_is_read_as_it_is_seen_whatever_its_orientation(
    tmp_path: Path, stored: int, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
    seen = np.zeros((96, 160, 3), np.uint8)
    seen[:32, :32], seen[-32:, :32], seen[:32, -32:] = (250, 0, 0), (0, 250, 0), (0, 0, 250)
    back = {5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE}
    back |= {2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM}
    back |= {8: Image.Transpose.ROTATE_270}
    pixels = Image.fromarray(seen).transpose(back[stored]) if stored > 1 else Image.fromarray(seen)
    path = tmp_path / f"S.{kind}"
    if kind == "jpg":
        exif = Image.Exif()
        exif[0x0112] = stored
        pixels.save(path, quality=100, subsampling=0, exif=exif)
    else:
        tag = [(274, "H", 1, stored, True)]
        write_ome_tiff(path, np.asarray(pixels), photometric="rgb", tile=(32, 64), extratags=tag, metadata=None)
    picture = open_picture(path)
    assert picture.size == (160, 96)
    for box in ((0, 0, 160, 96), (-10, 20, 50, 110), (130, 0, 180, 40)):
        np.testing.assert_allclose(picture.crop(box), Image.fromarray(seen).crop(box), atol=3)
    np.testing.assert_allclose(picture.reduce(4), Image.fromarray(seen).reduce(4), atol=3)
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == (stored > 1)
    if said:
        assert f"stored turned (orientation {stored}) and are read upright, 160 × 96 px" in said[0]


def test_coordinates_of_a_turned_pictures_stored_pixels_are_not_called_exchanged(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20), "pink").save(tmp_path / "S.jpg", exif=exif)
    with pytest.raises(
        DataError, match=r"orientation 6\) and were read upright: are the coordinates of the stored ones"
    ):
        check_inside("S", open_picture(tmp_path / "S.jpg"), np.array([[35.0, 5.0]]))
