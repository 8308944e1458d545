"""How well risks order survival times, as sums over pairs of patients, which count any resampling of them at once.

Risks that differ by TIED or less count half.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

TIED: Final = 1e-8


@dataclass(frozen=True)
class Pairs:
    """A score Σ gain / Σ weight over pairs (i, j) of n patients, the first of which has the event.

    Attributes:
        gain: (n, n) what a pair counts: its weight where the first has the higher risk, half of it where they tie.
        weight: (n, n).
    """

    gain: np.ndarray
    weight: np.ndarray

    @property
    def value(self) -> float:
        """The score; NaN where no pair can be compared."""
        return float(self.resampled(np.ones((1, len(self.gain))))[0])

    def resampled(self, counts: np.ndarray) -> np.ndarray:
        """Return (R,) scores of resamplings that hold patient i (R, n) `counts` times."""
        gain, weight = (((counts @ sums) * counts).sum(axis=1) for sums in (self.gain, self.weight))
        with np.errstate(invalid="ignore", divide="ignore"):
            return gain / weight


@dataclass(frozen=True)
class Mean:
    """A score that is a mean over n patients; `values` (n,), lower is better where it is an error."""

    values: np.ndarray

    @property
    def value(self) -> float:
        """The score."""
        return float(self.values.mean())

    def resampled(self, counts: np.ndarray) -> np.ndarray:
        """Return (R,) scores of resamplings that hold patient i (R, n) `counts` times."""
        return counts @ self.values / counts.sum(axis=1)


def harrell(time: np.ndarray, event: np.ndarray, risk: np.ndarray) -> Pairs:
    """Return Harrell's C (Harrell et al. 1996): pairs of which the one with the event is known to have had it first.

    Args:
        time: (n,).
        event: (n,) bool.
        risk: (n,) higher is worse.
    """
    return _pairs(_comparable(time, event), risk)


def uno(time: np.ndarray, event: np.ndarray, risk: np.ndarray, observed: np.ndarray, tau: float) -> Pairs:
    """Return Uno's C up to `tau` (Uno et al. 2011): Harrell's pairs, weighted by the censoring's inverse square.

    Args:
        time: (n,).
        event: (n,) bool.
        risk: (n,).
        observed: (n,) probability that a patient is still observed at the own time, by the training patients.
        tau: events from here on have no say.
    """
    weight = np.where(event & (time < tau), observed, np.inf) ** -2.0
    return _pairs(_comparable(time, event) * weight[:, None], risk)


def dynamic_auc(time: np.ndarray, event: np.ndarray, risk: np.ndarray, observed: np.ndarray, at: float) -> Pairs:
    """Return the AUC at a time of those with an event by then against those without (Uno et al. 2007).

    Arguments as of `uno`; `at`: the time.
    """
    weight = 1 / np.where(event & (time <= at), observed, np.inf)
    return _pairs(weight[:, None] * (time > at), risk)


def _comparable(time: np.ndarray, event: np.ndarray) -> np.ndarray:
    later = (time[:, None] < time) | ((time[:, None] == time) & ~event)
    return (event[:, None] & later).astype(np.float64)


def _pairs(weight: np.ndarray, risk: np.ndarray) -> Pairs:
    ahead = risk[:, None] - risk
    right = np.where(np.abs(ahead) <= TIED, 0.5, ahead > 0)
    return Pairs(weight * np.where(np.isnan(ahead), np.nan, right), weight)
