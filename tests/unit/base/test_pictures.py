"""Pictures in tiles: any region as PIL cuts it, each tile decoded once, whatever the file's layout."""

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageOps

from past.base.pictures import TiledPicture, reading_order, stored_orientation, upright

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


@pytest.mark.parametrize("stored", range(1, 9))
def test_a_picture_is_turned_as_pil_turns_it(stored: int) -> None:
    image = Image.fromarray(PIXELS)
    image.getexif()[ExifTags.Base.Orientation] = stored
    seen = ImageOps.exif_transpose(image)
    picture = upright(in_tiles()[0], stored)
    assert picture.size == seen.size
    assert stored_orientation(picture) == stored
    for box in ((0, 0, *seen.size), (40, 30, 170, 190), (-5, 100, 70, 215)):
        np.testing.assert_array_equal(np.asarray(picture.crop(box)), np.asarray(seen.crop(box)))


def test_strips_are_as_wide_as_four_rows_of_their_tiles_fit_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.base.pictures.CACHE_BYTES", 4 * 256 * 3 * 100)  # 100 px wide
    centres = np.array([[150.0, 10.0], [50.0, 300.0], [50.0, 10.0], [150.0, 300.0], [99.0, 10.0]])
    assert reading_order(in_tiles()[0], centres).tolist() == [2, 4, 1, 0, 3]
