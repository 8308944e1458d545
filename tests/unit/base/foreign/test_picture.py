"""H&E images of any format: a TIFF by region, others whole, each as it is seen."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from platforms import write_ome_tiff

from past.base.errors import DataError
from past.base.foreign.picture import open_picture, read_image
from past.base.pictures import TiledPicture


@pytest.mark.parametrize(("mode", "says"), [("RGBA", "RGBA"), ("L", "one grey channel"), ("I;16", "16-bit grey")])
def test_pictures_that_are_no_rgb_are_refused(tmp_path: Path, mode: str, says: str) -> None:
    path = tmp_path / "image.png"
    Image.new(mode, (20, 20)).save(path)
    with pytest.raises(DataError, match=f"{says}.*give the H&E image as RGB"):
        open_picture(path)


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
