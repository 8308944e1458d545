"""Numbers with their errors, from a statistic without each of its independent units in turn."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse, stats

from past.evaluation.statistics.pearson import is_constant
from past.evaluation.statistics.units import Units

LEVEL = 0.95
FEWEST = 3  # units that the error of one gene may stand on
TINY = 1e-12


@dataclass(frozen=True)
class Estimate:
    """Numbers with their errors; an error is NaN where too few units stand behind it, and so is all that follows.

    Attributes:
        value: (…).
        error: (…) standard error.
        freedom: (…) degrees of freedom of the error.
    """

    value: np.ndarray
    error: np.ndarray
    freedom: np.ndarray

    def interval(self) -> np.ndarray:
        """Return (2, …), the ends of the 95 % interval by Student's t."""
        half = self._quantile() * self.error
        return np.stack([self.value - half, self.value + half])

    def interval_of_r(self) -> np.ndarray:
        """Return (2, …), the ends of the 95 % interval of correlations: even on Fisher's scale, within -1 and 1."""
        inside = np.clip(self.value, TINY - 1, 1 - TINY)
        half = self._quantile() * self.error / (1 - inside**2)
        ends = np.tanh(np.arctanh(inside) + np.stack([-half, half]))
        return np.where(self.error == 0, self.value, ends)

    def p(self) -> np.ndarray:
        """Return (…) two-sided p of a true value of 0; 1 where the value is 0."""
        with np.errstate(invalid="ignore", divide="ignore"):
            t = np.where(self.value == 0, 0.0, np.abs(self.value) / self.error)
        return np.where(np.isnan(self.error), np.nan, 2 * stats.t.sf(t, np.maximum(self.freedom, TINY)))

    def _quantile(self) -> np.ndarray:
        return stats.t.ppf((1 + LEVEL) / 2, np.maximum(self.freedom, TINY))


def jackknife(value: npt.ArrayLike, left_out: np.ndarray, units: Units, has_say: np.ndarray | None = None) -> Estimate:
    """Return a statistic with its error, the spread of what it is without each unit.

    Args:
        value: (…) of all units.
        left_out: (K, …) without each of them.
        units: the K units.
        has_say: (K, …) whether the statistic depends on the unit; None: on all. One that depends on fewer than FEWEST,
            or is not defined without one of them, has no error.
    """
    has_say = np.ones(left_out.shape, dtype=bool) if has_say is None else has_say
    count = has_say.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.where(has_say, left_out, 0).sum(axis=0) / count
        squares = np.where(has_say, (left_out - centre) ** 2, 0).sum(axis=0)
        error = units.widening * np.sqrt((count - 1) / count * squares)
        freedom = units.freedom * (count - 1) / max(units.count - 1, 1)
    known = units.enough & (count >= FEWEST)
    return Estimate(np.asarray(value), np.where(known, error, np.nan), freedom)


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean of independent single numbers, its degrees of freedom by Welch and Satterthwaite."""
    value, error, freedom = (np.array([getattr(one, name) for one in estimates]) for name in Estimate.__annotations__)
    squares = error**2
    with np.errstate(invalid="ignore", divide="ignore"):
        pooled = squares.sum() ** 2 / (squares**2 / freedom).sum()
    pooled = freedom.min() if (squares == 0).all() else pooled
    return Estimate(value.mean(), np.sqrt(squares.sum()) / len(value), np.asarray(pooled))


def plain(value: np.ndarray | float) -> float | None:
    """Return a single number as result files hold it: None where it is NaN."""
    return None if np.isnan(value) else float(value)


def sums_by_unit(values: np.ndarray, members: np.ndarray, count: int) -> np.ndarray:
    """Return (count, columns): the sums of (n, columns) values over each unit's rows; `members` (n,) are its number."""
    rows = np.arange(len(members))
    return sparse.csr_array((np.ones(len(members)), (members, rows)), shape=(count, len(members))) @ values


def means_left_out(values: np.ndarray, members: np.ndarray, count: int) -> np.ndarray:
    """Return (count, columns): the means of (n, columns) values without each unit's rows; NaN without any row."""
    counted = np.hstack([np.ones((len(values), 1)), values])
    rest = counted.sum(axis=0) - sums_by_unit(counted, members, count)
    with np.errstate(invalid="ignore", divide="ignore"):
        return rest[:, 1:] / rest[:, :1]


def pearson_left_out(truth: np.ndarray, predicted: np.ndarray, members: np.ndarray, count: int) -> np.ndarray:
    """Return (count, g) Pearson r without each unit's spots; for constants see `past.evaluation.statistics.pearson`.

    Args:
        truth: (n, g) measured.
        predicted: (n, g).
        members: (n,) numbers of the spots' units; a unit may have no spot here.
        count: of units.
    """
    t, p = truth - truth.mean(axis=0), predicted - predicted.mean(axis=0)  # first: sums lose the digits of a large mean
    means = means_left_out(np.hstack([t, p, t * p, t * t, p * p]), members, count)
    mean_t, mean_p, mean_tp, mean_tt, mean_pp = means.reshape(count, 5, -1).swapaxes(0, 1)
    var_t, var_p = mean_tt - mean_t**2, mean_pp - mean_p**2
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.clip((mean_tp - mean_t * mean_p) / np.sqrt(var_t * var_p), -1, 1)
    # what is left of less than its squares' rounding varies no more
    varies_t, varies_p = (
        (var > TINY * (of**2).mean(axis=0)) & ~is_constant(of) for var, of in ((var_t, t), (var_p, p))
    )
    return np.where(varies_t, np.where(varies_p, r, 0.0), np.nan)
