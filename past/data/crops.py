"""Crops of a fixed physical size out of a section's image."""

import math

import numpy as np
from PIL import Image

from past.data.pictures import Picture

_SUPPORT = 3  # the Lanczos kernel's reach, in pixels of the coarser side


def cut_crop(image: Picture, x: float, y: float, px: int, scale: float = 1.0) -> np.ndarray:
    """Cut the square of `px` × `px` pixels around a centre, black outside the image.

    At scale 1 the image's own pixels are copied (the centre rounded to a pixel's edge); otherwise the square's exact,
    sub-pixel box is resampled with an antialiased Lanczos kernel, which reads what lies just outside the box too.

    Args:
        image: RGB.
        x: centre in pixels of `image`, of which the first covers 0 to 1.
        y: the same, downwards.
        px: side of the crop.
        scale: pixels of `image` per pixel of the crop (wanted µm/px over the image's).

    Returns:
        (px, px, 3) uint8.
    """
    if scale == 1.0:
        left, top = math.floor(x - px / 2 + 0.5), math.floor(y - px / 2 + 0.5)
        return np.array(image.crop((left, top, left + px, top + px)))
    side = px * scale
    margin = math.ceil(_SUPPORT * max(scale, 1.0))
    left, top = math.floor(x - side / 2) - margin, math.floor(y - side / 2) - margin
    window = math.ceil(side) + 2 * margin + 1
    near = image.crop((left, top, left + window, top + window))  # black outside
    box_left, box_top = x - side / 2 - left, y - side / 2 - top
    box = (box_left, box_top, box_left + side, box_top + side)
    return np.array(near.resize((px, px), Image.Resampling.LANCZOS, box=box))
