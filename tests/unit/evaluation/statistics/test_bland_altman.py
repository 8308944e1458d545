"""BlandAltman of pairs, by hand and by other formulas."""

import numpy as np
import pytest
from scipy.stats import rankdata

from past.evaluation.statistics.bland_altman import BlandAltman


def test_agreement_of_pairs() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(100, 30, 50)
    y = 0.8 * x + 10 + rng.normal(0, 8, 50)
    found = BlandAltman.of(x, y)
    assert found.pairs == 50
    assert found.spearman == pytest.approx(np.corrcoef(rankdata(x), rankdata(y))[0, 1])
    r, ratio = np.corrcoef(x, y)[0, 1], y.std() / x.std()
    shift = (x.mean() - y.mean()) / np.sqrt(x.std() * y.std())
    assert found.lin == pytest.approx(r * 2 / (ratio + 1 / ratio + shift**2))
    assert found.difference == pytest.approx((y - x).mean())
    assert found.high - found.low == pytest.approx(2 * 1.96 * (y - x).std(ddof=1))


def test_the_same_agrees_wholly_and_a_shift_lowers_concordance_alone() -> None:
    x = np.arange(10.0)
    assert (BlandAltman.of(x, x).lin, BlandAltman.of(x, x).difference) == (1, 0)
    moved = BlandAltman.of(x, x + 5)
    assert moved.spearman == pytest.approx(1)
    assert moved.lin == pytest.approx(2 * 8.25 / (2 * 8.25 + 25))


def test_too_few_or_constant_pairs_have_none() -> None:
    assert np.isnan(BlandAltman.of(np.array([1.0]), np.array([3.0])).lin)
    assert BlandAltman.of(np.array([1.0]), np.array([3.0])).difference == 2
    flat = BlandAltman.of(np.arange(5.0), np.ones(5))
    assert np.isnan(flat.spearman)
    assert flat.lin == 0
