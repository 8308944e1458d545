"""Shares of hits over cells, and their differences."""

import numpy as np
import pytest
from fields import grid, section, smooth
from scipy import stats

from past.evaluation.statistics.means import difference_over, mean_over
from past.evaluation.statistics.units import Places

RNG = np.random.default_rng(0)


def test_of_equal_sections_it_is_students_interval_over_their_means() -> None:
    hits = (RNG.random((120, 2)) < 0.3).astype(float)
    names = np.repeat(list("abcdef"), 20)
    places = Places(np.repeat("P", 120), names, RNG.random((120, 2)))
    found, units = mean_over(hits, places)
    by_section = hits.reshape(6, 20, 2).mean(axis=1)
    assert (units.kind, units.count) == ("sections", 6)
    np.testing.assert_allclose(
        found.interval(), stats.t.interval(0.95, 5, by_section.mean(axis=0), stats.sem(by_section))
    )
    other = (RNG.random((120, 2)) < 0.1).astype(float)
    difference, _ = difference_over(hits, other, places)
    paired = stats.ttest_rel(by_section, other.reshape(6, 20, 2).mean(axis=1))
    np.testing.assert_allclose(difference.value, (hits - other).mean(axis=0))
    np.testing.assert_allclose(difference.p(), paired.pvalue)


def test_hits_that_lie_together_are_less_sure_than_scattered_ones() -> None:
    coords = grid(20)
    together = (smooth(coords, 3, 1, RNG) > 0.5).astype(float)
    scattered = RNG.permutation(together)
    (one, units), (other, _) = (mean_over(hits, section(coords)) for hits in (together, scattered))
    assert one.value == other.value
    assert one.error > 2 * other.error
    assert units.length == pytest.approx(3, rel=0.5)
    assert difference_over(scattered, together, section(coords))[1].length == units.length
