"""Errors by leaving units out, against textbook formulas and against leaving out one by one."""

import numpy as np
import pytest
from scipy import stats

from past.evaluation.statistics.genes import score_genes
from past.evaluation.statistics.jackknife import (
    Estimate,
    jackknife,
    mean_of,
    means_left_out,
    pearson_left_out,
    plain,
    sums_by_unit,
)
from past.evaluation.statistics.units import Units

RNG = np.random.default_rng(0)
SIX = Units("sections", (), 6, 5.0)
NAN = float("nan")
pytestmark = pytest.mark.filterwarnings("error")


def test_of_a_mean_it_is_students_interval() -> None:
    values = RNG.normal(2, 1, (6, 3))
    found = jackknife(values.mean(axis=0), means_left_out(values, np.arange(6), 6), SIX)
    low, high = stats.t.interval(0.95, 5, values.mean(axis=0), stats.sem(values))
    np.testing.assert_allclose(found.interval(), [low, high])
    np.testing.assert_allclose(found.p(), stats.ttest_1samp(values, 0).pvalue)


def test_r_is_left_out_as_if_scored_again() -> None:
    truth, members = RNG.normal(50, 1, (60, 4)), np.repeat([0, 2, 3], 20)  # unit 1 has no spot here
    predicted = truth * [1, 0.2, -1, 0] + RNG.normal(0, 1, truth.shape)
    truth[:, 1], truth[20:, 2], predicted[20:, 3] = 0.1, 0.3, 0.7  # constant: everywhere, and without unit 0
    found = pearson_left_out(truth, predicted, members, 4)
    for unit in range(4):
        kept = members != unit
        expected = score_genes(truth[kept], predicted[kept]).pearson
        np.testing.assert_allclose(found[unit], expected, atol=1e-9)
    assert np.isnan(found[0]).tolist() == [False, True, True, False]
    assert found[0, 3] == 0
    assert np.isnan(pearson_left_out(truth, predicted, np.zeros(60, dtype=int), 1)).all()


def test_sums_are_by_unit() -> None:
    found = sums_by_unit(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([2, 0, 2]), 3)
    assert found.tolist() == [[3, 4], [0, 0], [6, 8]]


def test_there_is_no_error_where_too_few_have_a_say() -> None:
    without = RNG.normal(size=(6, 3))
    has_say = np.array([[True, True, True]] * 2 + [[True, True, False]] + [[True, False, False]] * 3)
    found = jackknife([0.1, 0.2, 0.3], without, SIX, has_say)
    assert np.isnan(found.error).tolist() == [False, False, True]
    assert found.freedom[:2].tolist() == [5, 2]
    of_three = np.sqrt(2 / 3 * ((without[:3, 1] - without[:3, 1].mean()) ** 2).sum())
    assert found.error[1] == pytest.approx(of_three)
    assert np.isnan(found.interval()[:, 2]).all()
    assert np.isnan(found.p()[2])
    without[0, 0] = NAN  # not defined without the first unit
    assert np.isnan(jackknife([0.1], without[:, :1], SIX).error).all()
    for kind, count, enough in (("sections", 4, False), ("blocks", 2, False), ("blocks", 3, True)):
        few = Units(kind, (), count, count - 1.0)
        assert np.isfinite(jackknife(0.1, RNG.normal(size=count), few).error) == enough


def test_blocks_that_go_together_widen_it() -> None:
    without = RNG.normal(size=6)
    wide = Units("blocks", (), 6, 3.5, widening=1.5)
    narrow, found = jackknife(0.1, without, SIX), jackknife(0.1, without, wide)
    assert found.error == pytest.approx(1.5 * narrow.error)
    assert found.interval()[1] - 0.1 == pytest.approx(stats.t.ppf(0.975, 3.5) * found.error)


def test_an_interval_of_r_stays_within_1_and_is_even_on_fishers_scale() -> None:
    found = Estimate(np.array([0.95, 0.0, 1.0, 0.4]), np.array([0.05, 0.0, 0.0, NAN]), np.array(8.0))
    low, high = found.interval_of_r()
    assert low[0] < 0.95 < high[0] < 1
    assert np.arctanh(high[0]) - np.arctanh(0.95) == pytest.approx(stats.t.ppf(0.975, 8) * 0.05 / (1 - 0.95**2))
    assert np.arctanh(high[0]) + np.arctanh(low[0]) == pytest.approx(2 * np.arctanh(0.95))
    assert (low[1:3].tolist(), high[1:3].tolist()) == ([0, 1], [0, 1])
    assert np.isnan([low[3], high[3]]).all()


def test_p_is_1_where_nothing_differs_and_0_where_nothing_varies() -> None:
    found = Estimate(np.array([0.0, 0.1]), np.array([0.0, 0.0]), np.array(5.0))
    assert found.p().tolist() == [1, 0]


def test_a_mean_of_independent_numbers() -> None:
    one, other = (Estimate(np.array(v), np.array(e), np.array(f)) for v, e, f in ((0.2, 0.03, 4.0), (0.4, 0.04, 9.0)))
    found = mean_of([one, other])
    assert (found.value, found.error) == (pytest.approx(0.3), pytest.approx(0.025))
    assert found.freedom == pytest.approx(0.05**4 / (0.03**4 / 4 + 0.04**4 / 9))
    assert np.isnan(mean_of([one, Estimate(np.array(0.1), np.array(NAN), np.array(4.0))]).error)
    sure = Estimate(np.array(0.5), np.array(0.0), np.array(3.0))
    assert mean_of([sure, sure]).interval().tolist() == [0.5, 0.5]


def test_result_files_hold_none_for_nan() -> None:
    assert (plain(NAN), plain(np.float64(0.5))) == (None, 0.5)
