"""Square tiles of a fixed physical size out of a slide's resolutions, on white glass.

The nearest resolution that is not coarser than wanted is read, made smaller by a whole factor (the mean of its
pixels), and only what is left over is resampled by a Lanczos kernel, which costs several times more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from past.base.pictures import Picture

EXACT: Final = 0.25  # px of the tile: a scale that moves no pixel by more is taken for the whole factor
_SUPPORT: Final = 3  # the Lanczos kernel's reach, in pixels of the coarser side
_COARSER: Final = 1e-6  # of a scale, that rounding may make of it


@dataclass(frozen=True)
class Level:
    """One resolution of a slide.

    Attributes:
        picture: its pixels.
        factor: pixels of level 0 per pixel of it.
    """

    picture: Picture
    factor: float


def levels_of(picture: Picture) -> tuple[Level, ...]:
    """Return a picture and its lower resolutions, the largest first, with their factors.

    A factor is a whole number where one explains the size: writers cut or round up the last pixel.
    """
    width, height = picture.size
    found = [Level(picture, 1.0)]
    for smaller in getattr(picture, "smaller", ()):
        factor = width / smaller.size[0]
        whole = round(factor)
        if abs(width / whole - smaller.size[0]) <= 1 and abs(height / whole - smaller.size[1]) <= 1:
            factor = float(whole)
        found.append(Level(smaller, factor))
    return tuple(found)


def nearest_level(levels: Sequence[Level], scale: float) -> Level:
    """Return the coarsest of `levels` that is not coarser than `scale` pixels of level 0 a pixel; else the finest."""
    fine = [level for level in levels if level.factor <= scale * (1 + _COARSER)]
    return max(fine or levels[:1], key=lambda level: level.factor)


def cut_tile(levels: Sequence[Level], x: float, y: float, px: int, scale: float) -> np.ndarray:
    """Cut the square of `px` × `px` pixels around a centre, white outside the slide.

    Args:
        levels: of the slide.
        x: centre in pixels of level 0, of which the first covers 0 to 1.
        y: the same, downwards.
        px: side of the tile.
        scale: pixels of level 0 per pixel of the tile.

    Returns:
        (px, px, 3) uint8.
    """
    level = nearest_level(levels, scale)
    rest = scale / level.factor
    whole = max(1, math.floor(rest + EXACT / px))
    left, top = (place / level.factor - px * rest / 2 for place in (x, y))
    if abs(rest - whole) * px <= EXACT * whole:
        corner = math.floor(left + 0.5), math.floor(top + 0.5)
        return np.asarray(_reduced(level.picture, corner, px, whole))
    left_over = rest / whole
    margin = math.ceil(_SUPPORT * max(left_over, 1.0)) + 1  # the kernel reads what lies just outside the tile too
    corner = math.floor(left) - margin * whole, math.floor(top) - margin * whole
    side = math.ceil(px * left_over) + 2 * margin + 1
    near = _reduced(level.picture, corner, side, whole)
    x0, y0 = (left - corner[0]) / whole, (top - corner[1]) / whole
    box = (x0, y0, x0 + px * left_over, y0 + px * left_over)
    return np.asarray(near.resize((px, px), Image.Resampling.LANCZOS, box=box))


def _reduced(picture: Picture, corner: tuple[int, int], side: int, factor: int) -> Image.Image:
    """Return the square of `side` pixels from a corner, each the mean of factor × factor, white outside the picture."""
    left, top = corner
    right, bottom = left + side * factor, top + side * factor
    inside = max(left, 0), max(top, 0), min(right, picture.size[0]), min(bottom, picture.size[1])
    if inside == (left, top, right, bottom):
        region = picture.crop(inside)
    else:
        region = Image.new("RGB", (right - left, bottom - top), "white")
        if inside[0] < inside[2] and inside[1] < inside[3]:
            region.paste(picture.crop(inside), (inside[0] - left, inside[1] - top))
    return region if factor == 1 else region.reduce(factor)
