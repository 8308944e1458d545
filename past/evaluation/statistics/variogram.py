"""How far apart the residuals of two spots still go together: an empirical variogram, and a curve through it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from past.evaluation.statistics.pearson import is_constant

STEP = 0.5  # spots: the width of a variogram's bins
MOST = 1000  # spots that stand for a section where each is paired with each
PAIRS = 5_000_000  # of a section at most: bounds memory
POWERS = (1.0, 2.0)  # of the curves: exponential and Gaussian
SCALES = 40  # of the curves that are tried, from half a spot to the longest lag


@dataclass(frozen=True)
class Correlation:
    """Correlation of two spots' residuals at distance h, in spots: share · exp(-(h / scale)^power), and 1 at 0.

    Attributes:
        share: of the residuals' variance that neighbours have in common; the rest is each spot's own.
        scale: in spots (distances between nearest neighbours).
        power: 1 or 2.
    """

    share: float
    scale: float
    power: float

    @property
    def length(self) -> float:
        """The correlation length: how many spots away the correlation has fallen to 1/e; 0 where it is never above."""
        return self.scale * max(np.log(max(self.share, np.finfo(float).tiny)) + 1, 0.0) ** (1 / self.power)

    def at(self, distance: np.ndarray) -> np.ndarray:
        """Return the correlation at distances in spots; at 0, of different spots too, it is the limit."""
        return self.share * np.exp(-((distance / self.scale) ** self.power))


NONE = Correlation(0.0, 1.0, 1.0)


def in_spots(coords: np.ndarray) -> np.ndarray:
    """Return (n, 2) places in units of the median distance between nearest neighbours."""
    places = np.unique(coords.astype(np.float64), axis=0)
    if len(places) < 2:
        return np.zeros(coords.shape)
    return coords / np.median(KDTree(places).query(places, k=2)[0][:, 1])


def evenly(coords: np.ndarray, most: int = MOST) -> np.ndarray:
    """Return rows of at most `most` of the (n, 2) places, evenly from corner to corner whatever order they come in."""
    order = np.lexsort(coords.T)
    return order[np.linspace(0, len(order) - 1, min(most, len(order))).round().astype(int)]


def correlation_of(sections: Sequence[tuple[np.ndarray, np.ndarray]]) -> Correlation:
    """Return how residuals correlate over distance, by the least squares of a curve to their mean variogram.

    Args:
        sections: (places (n, 2) in spots, residuals (n, g)) of each section. Each gene counts alike, in units of its
            deviation in the section.
    """
    longest = max((float(np.hypot(*np.ptp(coords, axis=0))) / 2 for coords, _ in sections), default=0.0)
    bins = int(longest / STEP) + 1
    found = np.sum([_variogram(coords, residuals, bins) for coords, residuals in sections], axis=0)
    pairs, lags, halves = found[:, found[0] > 0]
    if len(pairs) < 3 or not halves.any():  # hardly two spots, or no residual at all
        return NONE
    return _fitted(pairs, lags / pairs, halves / pairs)


def _variogram(coords: np.ndarray, residuals: np.ndarray, bins: int) -> np.ndarray:
    """Return (3, bins): the number of pairs by distance, the sum of their distances, that of half their squares."""
    varying = residuals[:, ~is_constant(residuals)]
    scaled = (varying - varying.mean(axis=0)) / varying.std(axis=0)
    if not scaled.shape[1]:
        return np.zeros((3, bins))
    anchors = evenly(coords, min(MOST, max(PAIRS // len(coords), 1)))
    distance = cdist(coords[anchors], coords)
    squares = (scaled**2).mean(axis=1)
    halves = (squares[anchors, None] + squares) / 2 - scaled[anchors] @ scaled.T / scaled.shape[1]
    which = (distance / STEP + 0.5).astype(int)
    within = (distance > 0) & (which < bins)
    which, distance, halves = which[within], distance[within], halves[within]
    return np.stack([np.bincount(which, weights, bins) for weights in (None, distance, halves)])


def _fitted(pairs: np.ndarray, lags: np.ndarray, halves: np.ndarray) -> Correlation:
    """Fit own + common · (1 - exp(-(h / scale)^power)), own and common at least 0, to a variogram's (bins,) points."""
    scales, powers = (
        grid.ravel()[:, None] for grid in np.meshgrid(np.geomspace(0.5, max(lags[-1], 1.0), SCALES), POWERS)
    )
    shapes = 1 - np.exp(-((lags / scales) ** powers))  # (curves, bins)
    weights = pairs / lags  # there are more pairs far apart: so every distance counts alike
    weights /= weights.sum()
    mean_shape, mean = shapes @ weights, halves @ weights
    centred = shapes - mean_shape[:, None]
    common = np.maximum((centred * (halves - mean)) @ weights / np.maximum((centred**2) @ weights, 1e-12), 0)
    own = mean - common * mean_shape
    through_0 = (shapes * halves) @ weights / ((shapes**2) @ weights)
    common, own = np.where(own < 0, through_0, common), np.maximum(own, 0)
    misses = (own[:, None] + common[:, None] * shapes - halves) ** 2 @ weights
    best = int(np.argmin(misses))
    share = common[best] / (common[best] + own[best])
    return Correlation(float(share), float(scales[best, 0]), float(powers[best, 0]))
