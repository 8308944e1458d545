"""Kaplan–Meier by hand and against scikit-survival."""

import numpy as np
import pytest

from past.evaluation.statistics.kaplan_meier import at_risk, kaplan_meier


def test_five_patients_by_hand() -> None:
    """Events at 1 (1 of 5) and twice at 3 (2 of 3); censored at 2 and 4."""
    time, event = np.array([1.0, 2, 3, 3, 4]), np.array([True, False, True, True, False])
    found = kaplan_meier(time, event)
    assert found.times.tolist() == [0, 1, 2, 3, 4]
    assert found.survival == pytest.approx([1, 0.8, 0.8, 0.8 / 3, 0.8 / 3])
    assert at_risk(time, np.array([0.0, 2, 3.5, 9])).tolist() == [5, 4, 1, 0]


def test_it_is_scikit_survivals() -> None:
    nonparametric = pytest.importorskip("sksurv.nonparametric", reason="needs the extra survival")
    rng = np.random.default_rng(0)
    time, event = rng.integers(1, 20, 50).astype(float), rng.random(50) < 0.5
    times, survival = nonparametric.kaplan_meier_estimator(event, time)
    found = kaplan_meier(time, event)
    assert found.times[1:].tolist() == times.tolist()
    assert found.survival[1:] == pytest.approx(survival)
