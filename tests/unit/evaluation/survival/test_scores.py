"""Scores against scikit-survival's own functions."""

import numpy as np
import pytest
from survival_sides import side

from past.evaluation.survival.baselines import Risks, Side
from past.evaluation.survival.scores import FOLLOWED, GRID, MONTHS, log_rank, score, survival_at

metrics = pytest.importorskip("sksurv.metrics", reason="needs the extra survival")


@pytest.fixture
def fold() -> tuple[Side, Side, Risks]:
    (train, known), (test, risk) = side(200, 0), side(80, 1)
    return train, test, Risks(known, risk)


def test_values_are_scikit_survivals(fold: tuple[Side, Side, Risks]) -> None:
    train, test, risks = fold
    from sksurv.util import Surv

    past, now = (Surv.from_arrays(one.event, one.time) for one in (train, test))
    tau = FOLLOWED * train.time.max()
    found = {name: one.value for name, one in score(train, test, risks).items()}
    assert found["c"] == pytest.approx(metrics.concordance_index_censored(test.event, test.time, risks.test)[0])
    assert found["uno"] == pytest.approx(metrics.concordance_index_ipcw(past, now, risks.test, tau)[0])
    auc = metrics.cumulative_dynamic_auc(past, now, risks.test, [*MONTHS.values()])[0]
    assert [found[f"auc@{at}"] for at in MONTHS] == pytest.approx(auc.tolist())
    times = np.linspace(test.time.min(), min(tau, test.time.max()), GRID, endpoint=False)
    brier = metrics.integrated_brier_score(past, now, survival_at(train, risks, times), times)
    assert found["brier"] == pytest.approx(brier)


def test_survival_is_breslows(fold: tuple[Side, Side, Risks]) -> None:
    from sksurv.linear_model.coxph import BreslowEstimator

    train, _, risks = fold
    times = np.array([5.0, 20.0, 60.0])
    curves = BreslowEstimator().fit(risks.train, train.event, train.time).get_survival_function(risks.test)
    assert np.allclose(survival_at(train, risks, times), [[curve(t) for t in times] for curve in curves])


def test_a_models_own_survival_is_straight_between_its_times() -> None:
    risks = Risks(np.zeros(1), np.zeros(1), np.array([[0.8, 0.4]]), np.array([10.0, 20.0]))
    found = survival_at(side(5, 0)[0], risks, np.array([0.0, 5.0, 10.0, 15.0, 30.0]))
    assert found[0] == pytest.approx([1, 0.9, 0.8, 0.6, 0.4])


def test_the_log_rank_p_of_a_split(fold: tuple[Side, Side, Risks]) -> None:
    _, test, risks = fold
    assert log_rank(test, risks.test > 0) < 1e-3
    assert log_rank(test, np.arange(80) % 2 == 0) > 0.05
    assert np.isnan(log_rank(test, risks.test > 99))


def test_a_time_that_nobody_reaches_has_no_auc() -> None:
    train, risk = side(50, 3)
    short = Side((), train.time.clip(max=50), train.event & (train.time < 50), *[np.zeros((50, 0))] * 3)
    assert np.isnan(score(short, short, Risks(risk, risk))["auc@5y"].value)
