"""Nuclei as pixels: which nucleus each pixel of a window belongs to, and back."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from scipy.spatial import KDTree

from past.base.errors import ConfigError
from past.cells.nuclei import NEEDED, Nuclei

RADIUS_UM: Final = 4.0  # of a nucleus whose outline is not known


def skimage(what: str) -> Any:
    """Return scikit-image; ConfigError, which says what it is needed for, where it is not installed."""
    try:
        import skimage as library
    except ImportError as error:
        raise ConfigError(f"{what} needs scikit-image: {NEEDED}") from error
    return library


@dataclass(frozen=True)
class Raster:
    """Nuclei that are drawn window by window.

    Attributes:
        nuclei: in pixels.
        radius: px of a nucleus without an outline.
        grown: px that each is made larger, up to where its neighbours begin.
    """

    nuclei: Nuclei
    radius: float
    grown: float = 0.0

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.nuclei.centres)

    @cached_property
    def reach(self) -> float:
        """Px from a centre within which all that is drawn of the nucleus lies."""
        outlines = self.nuclei.outlines
        if outlines is None:
            return self.radius + self.grown + 1
        away = [np.abs(outline - centre).max() for outline, centre in zip(outlines, self.nuclei.centres, strict=True)]
        return float(max(away, default=0.0)) * 2**0.5 + self.grown + 1

    def rows(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        """Return the nuclei that may be seen in a window, ascending."""
        centre, half = ((left + right) / 2, (top + bottom) / 2), max(right - left, bottom - top) / 2
        near = self._tree.query_ball_point(centre, half + self.reach, p=np.inf)
        return np.sort(np.asarray(near, dtype=np.int64))

    def labels(self, left: int, top: int, right: int, bottom: int) -> np.ndarray:
        """Return (bottom - top, right - left) int32: 1 + the nucleus's number, 0 where there is none.

        Of nuclei that overlap the later one is seen.
        """
        library = skimage("drawing nuclei")
        from skimage.draw import disk, polygon
        from skimage.segmentation import expand_labels

        edge = int(np.ceil(self.reach)) if self.grown else 0  # neighbours beyond the border hold their ground too
        x0, y0 = left - edge, top - edge
        shape = (bottom - top + 2 * edge, right - left + 2 * edge)
        drawn = np.zeros(shape, np.int32)
        for row in self.rows(x0, y0, right + edge, bottom + edge).tolist():
            if self.nuclei.outlines is None:
                x, y = self.nuclei.centres[row] - 0.5 - (x0, y0)
                inside = disk((y, x), self.radius, shape=shape)
            else:
                corners = self.nuclei.outlines[row] - 0.5 - (x0, y0)
                inside = polygon(corners[:, 1], corners[:, 0], shape)
            drawn[inside] = row + 1
        if not self.grown:
            return drawn
        assert library
        around: Any = self.grown  # any number will do
        return expand_labels(drawn, around)[edge : shape[0] - edge, edge : shape[1] - edge]


def nuclei_in(labels: np.ndarray, left: float = 0, top: float = 0) -> Nuclei:
    """Return the nuclei of a label image, named by their numbers.

    Drawn again, an outline gives the pixels that it is of, holes filled; of a number in several pieces the largest.

    Args:
        labels: (h, w) whole numbers, 0: none.
        left: x of its first column.
        top: y of its first row.
    """
    skimage("outlines of nuclei")
    from skimage.measure import find_contours, regionprops

    names, outlines = [], []
    for part in regionprops(labels):
        y0, x0, *_ = part.bbox
        rings = find_contours(np.pad(part.image_filled, 1).astype(np.float32), 0.5)
        ring = max(rings, key=len)[:-1]
        names.append(str(part.label))
        outlines.append(ring[:, ::-1] + (x0 + left - 0.5, y0 + top - 0.5))
    return Nuclei.outlined(outlines, names)
