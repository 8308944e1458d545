"""The library's ridge, and ours with a chosen alpha."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from past.evaluation.probes.reduction import Reduced
from past.evaluation.probes.ridge import RidgeCVHead, RidgeHead
from past.evaluation.statistics.genes import score_genes


def fold(noise: float = 1.0, spots: int = 300, components: int = 12, genes: int = 4) -> tuple[Reduced, np.ndarray]:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(2 * spots, components)) * np.linspace(3, 0.5, components)).astype(np.float32)
    y = 2 + x @ rng.normal(size=(components, genes)) * 0.2 + rng.normal(0, noise, (2 * spots, genes))
    return Reduced(x[:spots], y[:spots], np.arange(spots) % 3, x[spots:]), y[spots:]


def test_ridge_is_scikit_learns_lsqr() -> None:
    data, _ = fold()
    alpha = 100 / (12 * 4)
    model = Ridge(solver="lsqr", alpha=alpha, fit_intercept=False, max_iter=1000, random_state=1)
    expected = model.fit(data.train.astype(np.float64), data.expression).predict(data.test.astype(np.float64))
    assert RidgeHead().predict(data) == pytest.approx(expected, abs=1e-10)


def test_ridge_bears_a_component_without_variance_and_a_gene_without_counts() -> None:
    data, _ = fold()
    data.train[:, 11] = 0
    data.expression[:, 3] = 0
    found = RidgeHead().predict(data)
    assert np.isfinite(found).all()
    assert not found[:, 3].any()


def test_the_chosen_alpha_helps_where_noise_is_high() -> None:
    data, truth = fold(noise=6.0, spots=60, components=40)
    chosen, fixed = RidgeCVHead().predict(data), RidgeHead().predict(data)
    assert score_genes(truth, chosen).pearson.mean() > score_genes(truth, fixed).pearson.mean()
    assert abs(chosen.mean() - data.expression.mean()) < 0.5  # it has an intercept
    one_patient = Reduced(data.train, data.expression, np.zeros(60, int), data.test)
    assert np.isfinite(RidgeCVHead().predict(one_patient)).all()
