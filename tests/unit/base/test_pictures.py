"""Pictures in tiles: any region as PIL cuts it, each tile decoded once, whatever the file's layout."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from platforms import write_ome_tiff

from past.base.errors import DataError
from past.base.pictures import TiledPicture, reading_order
from past.data.sources.images import open_picture
from past.data.sources.tiff import open_tiff

PIXELS = np.random.default_rng(0).integers(0, 255, (210, 330, 3), dtype=np.uint8)
BOXES = [
    (0, 0, 330, 210),
    (-30, -20, 50, 40),
    (300, 190, 400, 300),
    (-9, -9, 0, 0),
    (400, 0, 410, 10),
    (64, 64, 65, 65),
]


def in_tiles(wide: int = 64, high: int = 32, **options: int) -> tuple[TiledPicture, list[tuple[int, int]]]:
    """A picture of PIXELS, and which tiles were decoded."""
    decoded = []

    def read(row: int, column: int) -> np.ndarray:
        decoded.append((row, column))
        return PIXELS[row * high : (row + 1) * high, column * wide : (column + 1) * wide]

    return TiledPicture((330, 210), (wide, high), read, **options), decoded


@pytest.mark.parametrize("box", BOXES)
def test_a_region_is_what_pil_cuts(box: tuple[int, int, int, int]) -> None:
    picture, _ = in_tiles()
    np.testing.assert_array_equal(np.asarray(picture.crop(box)), np.asarray(Image.fromarray(PIXELS).crop(box)))


@pytest.mark.parametrize("factor", [1, 2, 7, 8])
def test_made_smaller_as_pil_does(factor: int) -> None:
    picture, _ = in_tiles()
    np.testing.assert_array_equal(
        np.asarray(picture.reduce(factor)), np.asarray(Image.fromarray(PIXELS).reduce(factor))
    )


def test_crops_in_reading_order_decode_each_tile_once() -> None:
    picture, decoded = in_tiles()
    centres = np.random.default_rng(1).uniform(0, (330, 210), (500, 2))
    for x, y in centres[reading_order(picture, centres)]:
        picture.crop((int(x) - 10, int(y) - 10, int(x) + 10, int(y) + 10))
    assert len(decoded) == len(set(decoded)) == 6 * 7


def test_the_cache_is_bounded_and_keeps_what_was_used_last() -> None:
    tile = 64 * 32 * 3
    picture, decoded = in_tiles(cache_bytes=2 * tile)
    for box in ((0, 0, 10, 10), (64, 0, 74, 10), (0, 0, 10, 10), (128, 0, 138, 10), (0, 0, 10, 10), (64, 0, 74, 10)):
        picture.crop(box)
    assert decoded == [(0, 0), (0, 1), (0, 2), (0, 1)]


def test_order_is_kept_in_memory_and_goes_to_and_fro_in_tiles() -> None:
    centres = np.array([[5.0, 300.0], [200.0, 10.0], [5.0, 10.0], [200.0, 300.0]])
    assert reading_order(Image.fromarray(PIXELS), centres).tolist() == [0, 1, 2, 3]
    assert reading_order(in_tiles()[0], centres).tolist() == [2, 1, 3, 0]


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
    tifffile = pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
    path = tmp_path / "image.ome.tif"
    write_ome_tiff(path, PIXELS, levels, photometric="rgb", **LAYOUTS[layout])
    picture, whole = open_picture(path), Image.fromarray(tifffile.imread(path))
    assert isinstance(picture, TiledPicture)
    assert [level.size for level in picture.smaller] == [(165, 105), (83, 53)][: levels - 1]
    for box in BOXES:
        np.testing.assert_array_equal(np.asarray(picture.crop(box)), np.asarray(whole.crop(box)))
    from_file = picture.smaller[-1].crop((0, 0, 83, 53)) if levels == 3 else whole.reduce(4)
    np.testing.assert_array_equal(np.asarray(picture.reduce(4)), np.asarray(from_file))


def test_a_slide_in_one_piece_and_a_missing_one_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
    path = tmp_path / "image.tif"
    write_ome_tiff(path, PIXELS, photometric="rgb")
    monkeypatch.setattr("past.data.sources.tiff.MAX_TILE_BYTES", 1000)
    with pytest.raises(DataError, match=r"stored in one piece of 330 × 210 px.*rewrite it in tiles"):
        open_tiff(path)
    with pytest.raises(DataError, match="no such image"):
        open_tiff(tmp_path / "none.tif")


@pytest.mark.parametrize(("mode", "says"), [("RGBA", "RGBA"), ("L", "one grey channel"), ("I;16", "16-bit grey")])
def test_pictures_that_are_no_rgb_are_refused(tmp_path: Path, mode: str, says: str) -> None:
    path = tmp_path / "image.png"
    Image.new(mode, (20, 20)).save(path)
    with pytest.raises(DataError, match=f"{says}.*give the H&E image as RGB"):
        open_picture(path)
