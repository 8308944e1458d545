"""Crops of a fixed physical size out of a section's image.

The image is resampled to the crop's scale, and a crop is a copy of whole pixels of that, its centre rounded to a
pixel's edge. In a section of cells each pixel lies in some twenty crops: so it is resampled once, not twenty times.
"""

import math

import numpy as np
from PIL import Image

from past.base.pictures import Picture, TiledPicture

_SUPPORT = 3  # the Lanczos kernel's reach, in pixels of the coarser side
_TILE = 256  # px of a resampled image that are made at once
_STEP = 2.0**-12  # scales are multiples of it, so that PIL's 32-bit boxes are exact and no pixel depends on its tile


def cut_crop(image: Picture, x: float, y: float, px: int, scale: float = 1.0) -> np.ndarray:
    """Cut the square of `px` × `px` pixels around a centre, black outside the image.

    Args:
        image: RGB.
        x: centre in pixels of `image`, of which the first covers 0 to 1.
        y: the same, downwards.
        px: side of the crop.
        scale: pixels of `image` per pixel of the crop (wanted µm/px over the image's).

    Returns:
        (px, px, 3) uint8.
    """
    scale = exact_scale(scale)
    left, top = (math.floor(place / scale - px / 2 + 0.5) for place in (x, y))
    return np.array(_region(image, scale, (left, top, left + px, top + px)))


def exact_scale(scale: float) -> float:
    """Return the scale that is used for one that is wanted: less than 0.00013 pixels of the image off in a pixel."""
    return max(round(scale / _STEP), 1) * _STEP


def resampled(image: Picture, scale: float) -> Picture:
    """Return the image at another scale, its pixels made when they are asked for: the same as `cut_crop` makes.

    Args:
        image: RGB.
        scale: pixels of `image` per pixel of the result, an `exact_scale`.
    """
    if scale == 1.0:
        return image

    def make(row: int, column: int) -> np.ndarray:
        left, top = column * _TILE, row * _TILE
        return np.asarray(_region(image, scale, (left, top, left + _TILE, top + _TILE)))

    return TiledPicture(_size(image, scale), (_TILE, _TILE), make)


def _size(image: Picture, scale: float) -> tuple[int, int]:
    """Return width and height of the image at `scale`."""
    return math.ceil(image.size[0] / scale), math.ceil(image.size[1] / scale)


def _region(image: Picture, scale: float, box: tuple[int, int, int, int]) -> Image.Image:
    """Return a box of the image at `scale`, resampled with an antialiased Lanczos kernel, black outside the image."""
    if scale == 1.0:
        return image.crop(box)
    region = Image.new("RGB", (box[2] - box[0], box[3] - box[1]))
    x0, y0 = max(box[0], 0), max(box[1], 0)
    x1, y1 = (min(side, end) for side, end in zip(_size(image, scale), box[2:], strict=True))
    if x0 < x1 and y0 < y1:
        margin = math.ceil(_SUPPORT * max(scale, 1.0))  # the kernel reads what lies just outside the box too
        left, top = math.floor(x0 * scale) - margin, math.floor(y0 * scale) - margin
        near = image.crop((left, top, math.ceil(x1 * scale) + margin, math.ceil(y1 * scale) + margin))
        within = (x0 * scale - left, y0 * scale - top, x1 * scale - left, y1 * scale - top)
        made = near.resize((x1 - x0, y1 - y0), Image.Resampling.LANCZOS, box=within)
        region.paste(made, (x0 - box[0], y0 - box[1]))
    return region
