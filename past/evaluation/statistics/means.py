"""Means over spots or cells, such as shares of hits, with their errors over independent units."""

import numpy as np

from past.evaluation.statistics.jackknife import Estimate, jackknife, means_left_out
from past.evaluation.statistics.units import Places, Units, independent_units, wider


def mean_over(values: np.ndarray, places: Places) -> tuple[Estimate, Units]:
    """Return the means (c,) of (n, c) values, and the units behind their errors."""
    units = independent_units([(places, values)])
    return _mean(values, units), units


def difference_over(one: np.ndarray, other: np.ndarray, places: Places) -> tuple[Estimate, Units]:
    """Return the means (c,) of `one` - `other`, (n, c) values of the same cells, and the units behind their errors."""
    units = wider(*(independent_units([(places, values)]) for values in (one, other)))
    return _mean(one - other, units), units


def _mean(values: np.ndarray, units: Units) -> Estimate:
    (members,) = units.members
    return jackknife(values.mean(axis=0), means_left_out(values, members, units.count), units)
