"""Nuclei of a whole slide, found window by window."""

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np

from past.base.errors import DataError
from past.cells.nuclei import TISSUE, Nuclei
from past.cells.raster import nuclei_in
from past.slides.slide import Slide

MPP: Final = 0.5  # µm/px of the windows
INNER: Final = 896  # px of a window whose nuclei are its own
MARGIN: Final = 64  # px around it: no nucleus is longer

Segmenter = Callable[[np.ndarray], np.ndarray]  # (h, w, 3) uint8 at MPP → (h, w) numbers of nuclei, 0: none
Report = Callable[[int, int], None]


def find_nuclei(slide: Slide, segment: Segmenter, report: Report = lambda *_: None) -> Nuclei:
    """Find the nuclei of a slide's tissue, in pixels of level 0; a nucleus is of the window that holds its centre.

    Args:
        slide: open.
        segment: finds those of a window.
        report: called with windows that are done, and all.

    Raises:
        DataError: no nucleus, or a window that cannot be read.
    """
    scale = MPP / slide.mpp
    found: list[np.ndarray] = []
    windows = list(_windows(slide, scale))
    for done, (left, top) in enumerate(windows, 1):
        side = INNER + 2 * MARGIN
        x, y = ((corner + INNER / 2) * scale for corner in (left, top))
        pixels = slide.tile(x, y, side, MPP)
        own = nuclei_in(segment(pixels), left - MARGIN, top - MARGIN)
        inside = ((own.centres >= (left, top)) & (own.centres < (left + INNER, top + INNER))).all(axis=1)
        outlines = own.at(inside & _on(own.centres * scale, slide.size)).outlines or ()
        found += [outline * scale for outline in outlines]
        report(done, len(windows))
    if not found:
        raise DataError(f"{slide.path}: no nucleus found on it: is it H&E, and {slide.mpp:g} µm/px right?")
    return Nuclei.outlined(found, [f"cell{i:06d}" for i in range(len(found))])


def _on(centres: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.all((centres >= 0) & (centres <= size), axis=1)


def _windows(slide: Slide, scale: float) -> Iterator[tuple[int, int]]:
    """Yield the corners, in pixels of MPP, of the windows that hold tissue."""
    small, step = slide.overview
    stained = np.ptp(small.astype(np.int16), axis=2) >= TISSUE
    wide, high = (int(np.ceil(side / scale)) for side in slide.size)
    for top in range(0, high, INNER):
        for left in range(0, wide, INNER):
            y, x = (int(corner * scale / step) for corner in (top, left))
            reach = int(np.ceil(INNER * scale / step)) + 1
            if stained[y : y + reach, x : x + reach].any():
                yield left, top
