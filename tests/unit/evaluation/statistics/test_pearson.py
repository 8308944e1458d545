"""Pearson r by hand, against scipy and torchmetrics, and what constants count."""

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from torchmetrics.functional import pearson_corrcoef

from past.evaluation.statistics.pearson import GenePearson, gene_pearson, mean_where_defined

NAN = float("nan")
# Four spots. Gene by gene: equal; opposite; r = 4 / √(5 · 8) by hand; predicted constant; measured constant; both.
TRUTH = np.array([[1, 1, 1, 1, 0.1, 2], [2, 2, 2, 2, 0.1, 2], [3, 3, 3, 3, 0.1, 2], [4, 4, 4, 4, 0.1, 2]])
PREDICTED = np.array([[1, -1, 0, 0.3, 5, 7], [2, -2, 2, 0.3, 6, 7], [3, -3, 4, 0.3, 7, 7], [4, -4, 2, 0.3, 8, 7]])
BY_HAND = [1, -1, 4 / np.sqrt(5 * 8), 0, NAN, NAN]


def test_a_table_by_hand() -> None:
    # gene 2: deviations (-1.5, -0.5, 0.5, 1.5) and (-2, 0, 2, 0): products 3 + 0 + 1 + 0, squares 5 and 8
    np.testing.assert_allclose(gene_pearson(TRUTH, PREDICTED), BY_HAND, atol=1e-15)


@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_r_is_scipys_and_torchmetrics(offset: float) -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(offset, 1, (200, 8))
    predicted = truth * np.linspace(-1, 1, 8) + rng.normal(size=truth.shape)
    found = gene_pearson(truth, predicted)
    scipys = [pearsonr(truth[:, i], predicted[:, i])[0] for i in range(8)]
    np.testing.assert_allclose(found, scipys, atol=1e-9)
    theirs = pearson_corrcoef(torch.from_numpy(predicted), torch.from_numpy(truth)).numpy()
    np.testing.assert_allclose(found, theirs, atol=1e-7)


def test_undefined_ones_are_left_out_of_a_mean() -> None:
    assert mean_where_defined(np.array([0.2, NAN, 0.4])) == pytest.approx(0.3)
    assert np.isnan(mean_where_defined(np.array([NAN, NAN])))
    assert np.isnan(mean_where_defined(np.array([])))


def test_the_metric_averages_genes_then_slides() -> None:
    metric = GenePearson((2, 4, 6))
    metric.update(torch.from_numpy(PREDICTED), torch.from_numpy(TRUTH))
    of_first = [0, (4 / np.sqrt(40)) / 4, (4 / np.sqrt(40)) / 4]  # a constant prediction counts 0, undefined r not
    assert metric.compute() == pytest.approx(dict(zip(("pearson@2", "pearson@4", "pearson@6"), of_first, strict=True)))
    metric.update(torch.from_numpy(TRUTH), torch.from_numpy(TRUTH))
    expected = [(mean + 1) / 2 for mean in of_first]
    assert list(metric.compute().values()) == pytest.approx(expected)


def test_a_slide_on_which_no_gene_varies_has_no_say() -> None:
    metric = GenePearson((2,))
    constant, rising = torch.ones(4, 2), torch.arange(8.0).view(4, 2)
    metric.update(rising, constant)
    assert np.isnan(metric.compute()["pearson@2"])
    metric.update(rising, rising)
    assert metric.compute() == {"pearson@2": 1}
    metric.reset()
    metric.update(constant, rising)  # no skill
    assert metric.compute() == {"pearson@2": 0}
    assert not metric.state_dict()


def test_half_precision_is_computed_in_double() -> None:
    truth = torch.linspace(100, 101, 64).view(-1, 1)
    metric = GenePearson((1,))
    metric.update(truth.bfloat16(), truth)
    expected = np.corrcoef(truth.bfloat16().double().numpy().T, truth.double().numpy().T)[0, 1]
    assert metric.compute()["pearson@1"] == pytest.approx(expected, abs=1e-9)
