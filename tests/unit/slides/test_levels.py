"""Tiles of a physical size: from the nearest level, by whole factors, Lanczos for the rest, on white."""

import numpy as np
import pytest
from PIL import Image
from whole_slides import section

from past.base.pictures import TiledPicture
from past.slides.levels import Level, cut_tile, levels_of, nearest_level

PIXELS = section(480, 400)
WHOLE = Image.fromarray(PIXELS)


def pyramid(*factors: int) -> tuple[Level, ...]:
    pictures = []
    for factor in factors:
        pixels = np.asarray(WHOLE.reduce(factor))
        pictures.append(
            TiledPicture(
                (pixels.shape[1], pixels.shape[0]),
                (64, 64),
                lambda row, column, pixels=pixels: pixels[row * 64 : row * 64 + 64, column * 64 : column * 64 + 64],
            )
        )
    pictures[0].smaller = tuple(pictures[1:])
    return levels_of(pictures[0])


@pytest.mark.parametrize(
    ("scale", "factor"), [(0.5, 1), (1, 1), (1.99, 1), (2, 2), (2 - 1e-9, 2), (3.9, 2), (4.0, 4), (100, 4)]
)
def test_the_nearest_level_not_coarser_than_wanted_is_read(scale: float, factor: float) -> None:
    assert nearest_level(pyramid(1, 2, 4), scale).factor == factor


def test_factors_are_whole_where_the_size_allows_it() -> None:
    cut, odd = (
        TiledPicture((479, 399), (64, 64), lambda *_: PIXELS),
        TiledPicture((650, 542), (64, 64), lambda *_: PIXELS),
    )
    top = TiledPicture((1917, 1599), (64, 64), lambda *_: PIXELS, (odd, cut))
    assert [level.factor for level in levels_of(top)] == [1.0, pytest.approx(1917 / 650), 4.0]
    assert [level.factor for level in levels_of(WHOLE)] == [1.0]


@pytest.mark.parametrize("factors", [(1,), (1, 2), (1, 2, 4)])
@pytest.mark.parametrize("scale", [1.0, 2.0, 4.0, 8.0])
def test_whole_factors_are_means_of_pixels_from_any_level(factors: tuple[int, ...], scale: float) -> None:
    tile = cut_tile(pyramid(*factors), 240, 200, 32, scale)
    half = round(16 * scale)
    expected = WHOLE.crop((240 - half, 200 - half, 240 + half, 200 + half)).reduce(round(scale))
    np.testing.assert_allclose(tile.astype(int), np.asarray(expected).astype(int), atol=1)


@pytest.mark.parametrize("scale", [0.7, 1.5, 1.98, 2.6, 3.3, 6.1])
def test_what_is_left_over_is_resampled_in_place(scale: float) -> None:
    """Smooth pixels, whose values say where they lie: no tile is moved or stretched."""
    across, down = np.meshgrid(np.arange(480), np.arange(400))
    smooth = np.dstack([across / 2, down / 2, (across + down) / 4]).astype(np.uint8)
    tile = cut_tile(levels_of(Image.fromarray(smooth)), 240.3, 199.6, 32, scale).astype(float)
    places = (np.arange(32) + 0.5 - 16) * scale - 0.5
    np.testing.assert_allclose(tile[..., 0].mean(axis=0), (240.3 + places) / 2 - 0.25, atol=0.6)
    np.testing.assert_allclose(tile[..., 1].mean(axis=1), (199.6 + places) / 2 - 0.25, atol=0.6)


def test_a_scale_that_moves_no_pixel_counts_as_whole() -> None:
    np.testing.assert_array_equal(
        cut_tile(pyramid(1, 2), 200, 200, 64, 2.002), cut_tile(pyramid(1, 2), 200, 200, 64, 2.0)
    )


@pytest.mark.parametrize("scale", [1.0, 1.7, 2.0])
def test_outside_the_slide_is_white(scale: float) -> None:
    tile = cut_tile(pyramid(1, 2), 0, 0, 64, scale)
    assert (tile[:30, :30] == 255).all()
    assert not (tile[34:, 34:] == 255).all()
    assert (cut_tile(pyramid(1, 2), -500, 900, 64, scale) == 255).all()
