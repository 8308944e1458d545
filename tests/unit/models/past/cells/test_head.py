"""A head that learns what is linear, from what is measured."""

import numpy as np
import pytest
import torch
from scipy.stats import nbinom

from past.base.errors import ConfigError
from past.models.past.cells.head import (
    ExpressionHead,
    HeadData,
    HeadTraining,
    fit_head,
    masked_mse,
    masked_negative_binomial,
    predicted_by,
)


def linear_data(cells: int, seed: int, measured: np.ndarray | None = None) -> HeadData:
    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(9).normal(size=(6, 4)) * 0.3
    features = rng.normal(size=(cells, 6)) * 5 + 3
    expression = np.maximum(2 + (features - 3) / 5 @ weights, 0) + 0.05 * rng.normal(size=(cells, 4))
    seen = np.ones((cells, 4)) if measured is None else np.tile(measured, (cells, 1))
    return HeadData.of(features, expression * seen, np.expm1(expression).round().clip(0), seen)


@pytest.mark.parametrize("hidden", [0, 16])
def test_a_linear_map_is_learned(hidden: int) -> None:
    held = linear_data(200, 1)
    head, epochs = fit_head(linear_data(600, 0), held, HeadTraining(hidden=hidden, lr=1e-2, weight_decay=0.0))
    predicted = predicted_by(head, held.features.numpy())
    left = ((predicted - held.expression.numpy()) ** 2).mean() / held.expression.numpy().var()
    assert left < 0.1
    assert 1 <= epochs <= 60


def test_it_begins_at_ridge_regression() -> None:
    data = linear_data(100, 0)
    head = ExpressionHead(6, 4, 8)
    head.fit(data.features, data.expression, data.measured)
    x, y = data.features.double().numpy(), data.expression.double().numpy()
    x = (x - x.mean(axis=0)) / x.std(axis=0, ddof=1)
    weights = np.linalg.solve(x.T @ x + 100 * np.eye(6), x.T @ (y - y.mean(axis=0)))
    with torch.no_grad():
        np.testing.assert_allclose(head.eval()(data.features).numpy(), x @ weights + y.mean(axis=0), atol=1e-4)


def test_a_gene_is_learned_from_the_sections_that_measured_it() -> None:
    one, other = linear_data(400, 0, np.array([1, 1, 0, 0])), linear_data(400, 2, np.array([0, 1, 1, 1]))
    both = HeadData(*(torch.cat(pair) for pair in zip(vars(one).values(), vars(other).values(), strict=True)))
    held = linear_data(200, 1)
    head, _ = fit_head(both, held, HeadTraining(hidden=0, lr=1e-2, weight_decay=0.0))
    predicted = predicted_by(head, held.features.numpy())
    for gene in range(4):
        assert np.corrcoef(predicted[:, gene], held.expression.numpy()[:, gene])[0, 1] > 0.95


def test_the_losses_by_another_formula() -> None:
    rng = np.random.default_rng(0)
    mean, counts = rng.uniform(0.5, 20, (8, 3)), rng.integers(0, 15, (8, 3))
    measured = (rng.uniform(size=(8, 3)) < 0.7).astype(float)
    theta, share = np.array([0.5, 2.0, 10.0]), rng.uniform(0.5, 2, (8, 1))
    found = masked_negative_binomial(
        torch.tensor(np.log1p(mean)), torch.tensor(counts).double(), torch.tensor(share), torch.tensor(measured),
        torch.tensor(np.log(theta)),
    )  # fmt: skip
    full = nbinom.logpmf(counts, theta, theta / (theta + mean * share))
    constant = torch.lgamma(torch.tensor(counts + 1.0)).numpy()
    assert float(found) == pytest.approx(-((full + constant) * measured).sum() / measured.sum())
    predicted, truth = torch.tensor([[1.0, 5.0]]), torch.tensor([[3.0, 0.0]])
    assert float(masked_mse(predicted, truth, torch.tensor([[1.0, 0.0]]))) == 4
    with pytest.raises(ConfigError, match="use mse or negative_binomial"):
        HeadTraining(loss="l1")  # type: ignore[arg-type]


def test_counts_are_learned_by_the_negative_binomial() -> None:
    held = linear_data(200, 1)
    how = HeadTraining("negative_binomial", hidden=0, lr=1e-2, weight_decay=0.0)
    head, _ = fit_head(linear_data(600, 0), held, how)
    predicted = predicted_by(head, held.features.numpy())
    total = held.counts.sum(dim=1, keepdim=True)
    truth = np.log1p((held.counts / total * total.median()).numpy())
    assert min(np.corrcoef(p, t)[0, 1] for p, t in zip(predicted.T, truth.T, strict=True)) > 0.8
