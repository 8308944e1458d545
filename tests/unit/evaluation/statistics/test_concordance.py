"""Concordance by hand, and against scikit-survival, ties in times and in risks included."""

import numpy as np
import pytest

from past.evaluation.statistics.concordance import Mean, dynamic_auc, harrell, uno


def drawn(seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(1, 30, n).astype(float), rng.random(n) < 0.5, rng.integers(0, 15, n).astype(float)


def test_four_patients_by_hand() -> None:
    """(A, B), (A, C), (A, D), (C, D) can be compared; A leads B and D, ties with C; C trails D."""
    time, event = np.array([1.0, 2, 3, 4]), np.array([True, False, True, False])
    found = harrell(time, event, np.array([3.0, 2.0, 3.0, 2.5]))
    assert found.weight.sum() == 4
    assert found.value == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert np.isnan(harrell(time, np.zeros(4, dtype=bool), time).value)


@pytest.mark.parametrize("seed", range(5))
def test_all_are_scikit_survivals(seed: int) -> None:
    metrics = pytest.importorskip("sksurv.metrics", reason="needs the extra survival")
    from sksurv.nonparametric import CensoringDistributionEstimator
    from sksurv.util import Surv

    (time, event, risk), (past_time, past_event, _) = drawn(seed), drawn(seed + 100, 200)
    past_time[:20] += 10  # somebody is observed longer than any test patient
    test, train = Surv.from_arrays(event, time), Surv.from_arrays(past_event, past_time)
    observed = CensoringDistributionEstimator().fit(train).predict_proba(time)
    assert harrell(time, event, risk).value == pytest.approx(
        metrics.concordance_index_censored(event, time, risk)[0], abs=1e-12
    )
    its = metrics.concordance_index_ipcw(train, test, risk, tau=20.0)[0]
    assert uno(time, event, risk, observed, 20.0).value == pytest.approx(its, abs=1e-12)
    its = metrics.cumulative_dynamic_auc(train, test, risk, [5.0, 12.0])[0]
    own = [dynamic_auc(time, event, risk, observed, at).value for at in (5.0, 12.0)]
    assert own == pytest.approx(its.tolist(), abs=1e-12)


def test_a_resampling_is_the_score_of_its_patients() -> None:
    time, event, risk = drawn(7)
    chosen = np.random.default_rng(0).integers(0, 60, 60)
    counts = np.bincount(chosen, minlength=60)[None].astype(float)
    whole = harrell(time[chosen], event[chosen], risk[chosen])
    assert harrell(time, event, risk).resampled(counts)[0] == pytest.approx(whole.value, abs=1e-12)
    assert Mean(risk).resampled(counts)[0] == pytest.approx(risk[chosen].mean(), abs=1e-12)


def test_a_risk_that_is_none_has_no_concordance() -> None:
    time, event = np.array([1.0, 2.0, 3.0]), np.array([True, True, False])
    assert np.isnan(harrell(time, event, np.array([3.0, np.nan, 1.0])).value)
