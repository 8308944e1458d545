"""How far residuals go together: found again where it was put in."""

import numpy as np
import pytest
from fields import grid, smooth

from past.evaluation.statistics.variogram import NONE, Correlation, correlation_of, evenly, in_spots


@pytest.mark.parametrize("hexagonal", [False, True])
@pytest.mark.parametrize("length", [0.0, 1.0, 2.0, 4.0])
def test_the_length_that_was_put_in_is_found(length: float, hexagonal: bool) -> None:
    places = grid(20, hexagonal)
    found = correlation_of([(places, smooth(places, length, 400, np.random.default_rng(0)))])
    assert found.length == pytest.approx(length * np.sqrt(2), rel=0.1, abs=0.1)  # where exp(-h² / 2 length²) is 1/e
    assert found.at(np.array([3.0]))[0] == pytest.approx(np.exp(-9 / (2 * max(length, 0.1) ** 2)), abs=0.05)


def test_what_each_spot_has_of_its_own_shortens_it() -> None:
    places, rng = grid(20), np.random.default_rng(0)
    both = np.sqrt(0.7) * smooth(places, 3, 100, rng) + np.sqrt(0.3) * smooth(places, 0, 100, rng)
    found = correlation_of([(places, both)])
    assert (found.share, found.power) == (pytest.approx(0.7, abs=0.05), 2)
    assert found.length == pytest.approx(3 * np.sqrt(2 * (1 + np.log(0.7))), rel=0.1)
    assert Correlation(0.3, 5.0, 1.0).length == 0  # neighbours correlate by less than 1/e


def test_sections_of_any_unit_and_order_are_taken_together() -> None:
    places, rng = grid(12), np.random.default_rng(1)
    residuals = smooth(places, 2, 60, rng)
    order = rng.permutation(len(places))
    pixels = (places * 187.5 + 40)[order]
    np.testing.assert_allclose(np.sort(in_spots(pixels), axis=0), np.sort(pixels / 187.5, axis=0))
    once, twice = (
        correlation_of(sections)
        for sections in ([(places, residuals)], [(in_spots(pixels), 7 * residuals[order] + 3), (places, residuals)])
    )
    assert (twice.length, twice.share) == (pytest.approx(once.length), pytest.approx(once.share))


def test_nothing_correlates_where_nothing_varies() -> None:
    places = grid(4)
    assert correlation_of([(places, np.ones((16, 3)))]) == NONE
    assert correlation_of([(places[:1], np.ones((1, 3)))]) == NONE
    assert NONE.length == 0
    assert in_spots(np.array([[3.0, 4.0], [3.0, 4.0]])).tolist() == [[0, 0], [0, 0]]


def test_a_large_section_is_thinned_from_corner_to_corner_in_any_order() -> None:
    places = grid(50)
    order = np.random.default_rng(0).permutation(2500)
    rows = evenly(places[order])
    assert len(np.unique(rows)) == 1000
    np.testing.assert_array_equal(places[order][rows], places[evenly(places)])
    assert np.ptp(places[order][rows], axis=0).tolist() == [49, 49]
