"""Resampling: what it holds, and that its intervals and p do what they say."""

import numpy as np
import pytest

from past.evaluation.statistics.concordance import Mean
from past.evaluation.statistics.resampling import Averaged, draw, interval, mean_resampled, mean_value, p_of_difference


def test_a_resampling_holds_as_many_patients_of_each_fold() -> None:
    counts = draw([5, 8], 100, seed=0)
    assert [one.shape for one in counts] == [(100, 5), (100, 8)]
    assert all((one.sum(axis=1) == one.shape[1]).all() for one in counts)
    assert all((one == other).all() for one, other in zip(counts, draw([5, 8], 100, seed=0), strict=True))


def test_folds_weigh_the_same_and_an_undefined_one_has_no_say() -> None:
    folds = [Mean(np.array([1.0, 1, 1])), Mean(np.array([4.0])), Mean(np.array([np.nan]))]
    assert mean_value(folds) == 2.5
    assert mean_resampled(folds, draw([3, 1, 1], 4, 0)).tolist() == [2.5] * 4
    assert np.isnan(mean_value(folds[2:]))


def test_95_of_100_intervals_hold_the_mean() -> None:
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(300):
        fold = [Mean(rng.normal(0, 1, 60))]
        low, high = interval(mean_resampled(fold, draw([60], 400, seed)))
        held += low <= 0 <= high
    assert 0.91 <= held / 300 <= 0.97


def test_p_is_small_where_one_side_is_rare() -> None:
    assert p_of_difference(np.linspace(-1, 99, 101)) == pytest.approx(4 / 101)  # -1 and 0
    assert p_of_difference(np.arange(1.0, 101)) == pytest.approx(0.02)  # none: as if one
    assert p_of_difference(np.zeros(10)) == 1
    assert np.isnan(p_of_difference(np.full(3, np.nan)))
    assert all(map(np.isnan, interval(np.full(3, np.nan))))


def test_seeds_are_averaged_on_the_same_patients() -> None:
    found = Averaged([Mean(np.array([1.0, 2, 3])), Mean(np.array([3.0, 4, 5]))])
    assert found.value == 3
    assert found.resampled(np.array([[3.0, 0, 0], [0, 0, 3]])).tolist() == [2, 4]
