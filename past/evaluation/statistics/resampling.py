"""Intervals by resampling patients within their folds, and differences over the same resamplings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

LEVEL = 0.95


class Resampled(Protocol):
    """A score of the patients of one fold."""

    @property
    def value(self) -> float:
        """Of the patients as they are; NaN where it is not defined."""
        ...

    def resampled(self, counts: np.ndarray) -> np.ndarray:
        """Return (R,) scores of resamplings that hold patient i (R, n) `counts` times."""
        ...


@dataclass(frozen=True)
class Averaged:
    """The mean of several scores of the same patients, such as one a seed."""

    parts: Sequence[Resampled]

    @property
    def value(self) -> float:
        """Of the patients as they are."""
        return float(np.mean([part.value for part in self.parts]))

    def resampled(self, counts: np.ndarray) -> np.ndarray:
        """Return (R,) scores of resamplings that hold patient i (R, n) `counts` times."""
        return np.mean([part.resampled(counts) for part in self.parts], axis=0)


def draw(sizes: Sequence[int], times: int, seed: int) -> list[np.ndarray]:
    """Return for each fold of n patients (times, n) how often a resampling with replacement holds each of them."""
    rng = np.random.default_rng(seed)
    return [rng.multinomial(size, np.full(size, 1 / size), times).astype(np.float64) for size in sizes]


def mean_value(folds: Sequence[Resampled]) -> float:
    """Return the mean over the folds in which a score is defined; NaN where it is in none."""
    return _mean(np.array([fold.value for fold in folds])[:, None])[0]


def mean_resampled(folds: Sequence[Resampled], counts: Sequence[np.ndarray]) -> np.ndarray:
    """Return (R,) of the resamplings, the mean over folds; `counts` of each fold as `draw` makes them."""
    return _mean(np.stack([fold.resampled(own) for fold, own in zip(folds, counts, strict=True)]))


def interval(resampled: np.ndarray) -> tuple[float, float]:
    """Return the ends of the 95 % interval of (R,) resampled scores, or their differences: percentiles."""
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def p_of_difference(resampled: np.ndarray) -> float:
    """Return the two-sided p of no difference: twice the share of resamplings, at least one, on the rarer side of 0."""
    known = resampled[~np.isnan(resampled)]
    if not len(known):
        return float("nan")
    rarer = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2 * max(rarer, 1) / len(known)))


def _mean(values: np.ndarray) -> np.ndarray:
    """Return (R,) means of (folds, R) over the folds that are no NaN."""
    there = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.where(there, values, 0).sum(axis=0) / there.sum(axis=0)
