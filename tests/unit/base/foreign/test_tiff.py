"""H&E in TIFF files: every layout gives its pixels, what cannot be read by region is refused."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from platforms import write_ome_tiff

from past.base.errors import DataError
from past.base.foreign.tiff import open_tiff
from past.base.pictures import TiledPicture

pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
PIXELS = np.random.default_rng(0).integers(0, 255, (210, 330, 3), dtype=np.uint8)
BOXES = [(0, 0, 330, 210), (-30, -20, 50, 40), (300, 190, 400, 300), (400, 0, 410, 10), (64, 64, 65, 65)]
LAYOUTS = {
    "tiles": {"tile": (32, 64)},
    "zlib": {"tile": (32, 64), "compression": "zlib"},
    "jpeg": {"tile": (32, 64), "compression": "jpeg"},
    "lzw strips": {"rowsperstrip": 7, "compression": "lzw"},
    "one strip": {},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("levels", [1, 3])
def test_every_layout_of_tiff_gives_its_pixels(tmp_path: Path, layout: str, levels: int) -> None:
    import tifffile

    path = tmp_path / "image.ome.tif"
    write_ome_tiff(path, PIXELS, levels, photometric="rgb", **LAYOUTS[layout])
    picture, whole = open_tiff(path), Image.fromarray(tifffile.imread(path))
    assert isinstance(picture, TiledPicture)
    assert [level.size for level in picture.smaller] == [(165, 105), (83, 53)][: levels - 1]
    for box in BOXES:
        np.testing.assert_array_equal(np.asarray(picture.crop(box)), np.asarray(whole.crop(box)))
    from_file = picture.smaller[-1].crop((0, 0, 83, 53)) if levels == 3 else whole.reduce(4)
    np.testing.assert_array_equal(np.asarray(picture.reduce(4)), np.asarray(from_file))


def test_a_slide_in_one_piece_and_a_missing_one_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "image.tif"
    write_ome_tiff(path, PIXELS, photometric="rgb")
    monkeypatch.setattr("past.base.foreign.tiff.MAX_TILE_BYTES", 1000)
    with pytest.raises(DataError, match=r"stored in one piece of 330 × 210 px.*write it as a TIFF in tiles"):
        open_tiff(path)
    with pytest.raises(DataError, match="no such image"):
        open_tiff(tmp_path / "none.tif")


@pytest.mark.parametrize(
    ("pixels", "options", "says"),
    [
        (np.dstack([PIXELS, PIXELS[..., :1]]), {"photometric": "rgb", "extrasamples": ["unassalpha"]}, "RGBA"),
        (PIXELS[..., 0], {"photometric": "minisblack"}, "1 grey channels .*fluorescence"),
        (PIXELS.astype(np.uint16), {"photometric": "rgb"}, "uint16 pixels .*8 bits a channel"),
        (np.moveaxis(PIXELS, -1, 0).copy(), {"photometric": "rgb", "planarconfig": "separate"}, "channel-first"),
    ],
)
def test_pixels_that_are_no_rgb_of_8_bits_are_refused(tmp_path: Path, pixels, options, says: str) -> None:
    write_ome_tiff(tmp_path / "image.tif", pixels, **options)
    with pytest.raises(DataError, match=rf"image\.tif: .*{says}"):
        open_tiff(tmp_path / "image.tif")


@pytest.mark.parametrize("left", [4, 6, 9, 60, 0.5])
def test_a_cut_off_file_is_damaged(tmp_path: Path, left: float) -> None:
    path = tmp_path / "image.tif"
    write_ome_tiff(path, PIXELS, photometric="rgb", tile=(32, 64), compression="zlib")
    whole = path.read_bytes()
    path.write_bytes(whole[: round(left * len(whole)) if left < 1 else int(left)])
    with pytest.raises(DataError, match="the image is damaged or cut off"):
        open_tiff(path).crop((0, 0, 330, 210))


@pytest.mark.parametrize("compression", [None, "jpeg", "zlib"])
def test_tiles_that_were_never_written_are_glass(tmp_path: Path, compression: str | None) -> None:
    import tifffile

    path = tmp_path / "sparse.tif"
    tiles = [PIXELS[:64, :64] if i == 0 else None for i in range(4)]
    with tifffile.TiffWriter(path) as file:
        options = {"shape": (128, 128, 3), "dtype": np.uint8, "tile": (64, 64), "photometric": "rgb"}
        file.write(iter(tiles), compression=compression, **options)
    with tifffile.TiffFile(path) as file:
        assert list(file.pages[0].databytecounts).count(0) == 3
    picture = open_tiff(path)
    assert np.asarray(picture.crop((64, 0, 128, 128))).min() == 255
    assert np.asarray(picture.crop((0, 64, 128, 128))).min() == 255
    written = np.asarray(picture.crop((0, 0, 64, 64))).astype(int)
    assert abs(written - PIXELS[:64, :64]).mean() < (60 if compression == "jpeg" else 0.1)


@pytest.mark.parametrize("outside", [True, False])
def test_a_file_that_an_ome_tiff_names_is_never_opened(tmp_path: Path, outside: bool) -> None:
    import tifffile

    (tmp_path / "private").mkdir()
    other = tmp_path / "private" / "other.ome.tif"
    write_ome_tiff(other, PIXELS[:64, :64], photometric="rgb")
    path = tmp_path / "image.ome.tif"
    write_ome_tiff(path, PIXELS, photometric="rgb")
    text = tifffile.tiffcomment(path)
    name = other if outside else "private/other.ome.tif"
    named = f'<TiffData IFD="0"><UUID FileName="{name}">urn:uuid:1</UUID></TiffData>'
    changed = re.sub(r"<TiffData[^>]*>.*?</TiffData>|<TiffData[^>]*/>", named, text, flags=re.DOTALL)
    assert changed != text
    tifffile.tiffcomment(path, changed.encode())
    assert open_tiff(path).size == (330, 210)
