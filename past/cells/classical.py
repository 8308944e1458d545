"""Nuclei without weights: haematoxylin by colour deconvolution, a local threshold, a watershed by distance.

What is split too often is joined again where the two parts together are convex, as nuclei are (spindles, mostly).
"""

from typing import Any, Final, Literal

import numpy as np
from scipy import ndimage

from past.cells.raster import skimage

MPP: Final = 0.5  # µm/px at which nuclei are looked for; all lengths below are of it
WINDOW: Final = 121  # px: what a place is compared with
ABOVE: Final = 0.2  # deviations over the window's mean from which on a pixel is nuclear
PLAIN: Final = 0.6  # deviations that a nucleus as a whole is above it at least
CLUMP: Final = 31  # px: the window in which what is too large for a nucleus is looked at again
LEAST_DENSITY: Final = 0.12  # of haematoxylin: below, no pixel is
SMALLEST, LARGEST = 40, 1_600  # px of a nucleus: 10 and 400 µm²
DEEPEST: Final = 0.6  # px that the way from one nucleus to the next has to narrow by
CONVEX: Final = 0.95  # share of its convex hull that a nucleus fills at least
JOINED: Final = 700  # px of what is joined, at most
_DECADES: Final = 6.0  # see past.ihc.measure

Stain = Literal["he", "hdab"]


def haematoxylin(pixels: np.ndarray, stain: Stain = "he") -> np.ndarray:
    """Return the optical density (h, w) of haematoxylin, of (h, w, 3) uint8 stained with eosin, or with DAB."""
    skimage("finding nuclei")
    from skimage.color import hdx_from_rgb, hed_from_rgb, separate_stains

    return separate_stains(pixels, hed_from_rgb if stain == "he" else hdx_from_rgb)[..., 0] * _DECADES


def label_nuclei(pixels: np.ndarray, stain: Stain = "he") -> np.ndarray:
    """Return (h, w) int32: the number of the nucleus that each pixel is of, 0: none.

    Args:
        pixels: (h, w, 3) uint8 at MPP µm/px.
        stain: what they are stained with beside haematoxylin.
    """
    density = ndimage.gaussian_filter(haematoxylin(pixels, stain), 1.0)
    mean = ndimage.uniform_filter(density, WINDOW)
    spread = np.sqrt(np.maximum(ndimage.uniform_filter(density**2, WINDOW) - mean**2, 1e-6))
    above = (density - mean) / spread
    parts = _parts((above > ABOVE) & (density > LEAST_DENSITY))
    clumps = (np.bincount(parts.ravel()) > LARGEST)[parts] & (parts > 0)
    if clumps.any():
        within = _parts(clumps & (density > ndimage.uniform_filter(density, CLUMP)))
        parts = np.where(clumps, np.where(within > 0, within + parts.max(), 0), parts)
    sizes = np.maximum(np.bincount(parts.ravel()), 1)
    height = np.bincount(parts.ravel(), above.ravel()) / sizes
    parts[((sizes < SMALLEST) | (sizes > LARGEST) | (height < PLAIN))[parts]] = 0
    from skimage.segmentation import relabel_sequential

    return relabel_sequential(parts)[0].astype(np.int32)


def _parts(nuclear: np.ndarray) -> np.ndarray:
    """Return what is nuclear (h, w) cut where it narrows, (h, w) numbers."""
    from skimage.measure import label
    from skimage.morphology import disk, h_maxima, remove_small_holes, remove_small_objects
    from skimage.segmentation import watershed

    nuclear = ndimage.binary_opening(nuclear, disk(2))
    nuclear = remove_small_objects(remove_small_holes(nuclear, max_size=80), max_size=SMALLEST)
    away = ndimage.gaussian_filter(ndimage.distance_transform_edt(nuclear), 1.0)
    return _joined(watershed(-away, label(h_maxima(away, DEEPEST)), mask=nuclear))


def _joined(parts: np.ndarray) -> np.ndarray:
    """Return parts, those joined that touch and are convex together; the longest borders first, each part once."""
    from skimage.measure import regionprops

    touching: dict[tuple[int, int], int] = {}
    for one, other in ((parts[:, :-1], parts[:, 1:]), (parts[:-1], parts[1:])):
        at = (one != other) & (one > 0) & (other > 0)
        pairs, times = np.unique(np.sort(np.stack([one[at], other[at]], axis=1), axis=1), axis=0, return_counts=True)
        for pair, count in zip(pairs.tolist(), times.tolist(), strict=True):
            touching[tuple(pair)] = touching.get(tuple(pair), 0) + count
    known: dict[int, Any] = {part.label: part for part in regionprops(parts)} if touching else {}
    joined, found = set(), parts.copy()
    for (one, other), _ in sorted(touching.items(), key=lambda item: -item[1]):
        if one in joined or other in joined or known[one].area + known[other].area > JOINED:
            continue
        boxes = np.array([known[one].bbox, known[other].bbox])
        top, left, bottom, right = *boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)
        together = np.isin(parts[top:bottom, left:right], (one, other)).astype(np.uint8)
        if regionprops(together)[0].solidity >= CONVEX:
            joined |= {one, other}
            found[top:bottom, left:right][together > 0] = one
    return found
