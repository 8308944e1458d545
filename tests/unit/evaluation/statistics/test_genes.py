"""Scores per gene against their definitions."""

import numpy as np
import pytest
from scipy.stats import pearsonr
from sklearn.metrics import mean_squared_error, r2_score

from past.evaluation.statistics.genes import score_genes, shares_above

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.normal(5, 1, (40, 3))
    return truth, truth * [1, 0.2, -1] + rng.normal(0, 1, truth.shape)


def test_scores_are_those_of_scipy_and_scikit_learn(pair: tuple[np.ndarray, np.ndarray]) -> None:
    truth, predicted = pair
    found = score_genes(truth, predicted)
    for i in range(3):
        assert found.pearson[i] == pytest.approx(pearsonr(truth[:, i], predicted[:, i])[0], abs=1e-14)
        assert found.l2[i] == pytest.approx(mean_squared_error(truth[:, i], predicted[:, i]), abs=1e-14)
        assert found.r2[i] == pytest.approx(r2_score(truth[:, i], predicted[:, i]), abs=1e-13)


def test_a_gene_measured_constant_has_no_r_and_one_predicted_constant_has_none_above_0(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    truth, predicted = pair
    truth[:, 0], predicted[:, 1] = 0.1, 0.3
    found = score_genes(truth, predicted)
    assert np.isnan(found.pearson).tolist() == [True, False, False]
    assert found.pearson[1] == 0
    assert np.isnan(found.r2).tolist() == [True, False, False]
    assert found.flat.tolist() == [False, True, False]
    assert shares_above(np.array([np.nan, 0.3, 0.5])) == {
        "share_above_0.2": pytest.approx(2 / 3),
        "share_above_0.4": pytest.approx(1 / 3),
    }


def test_where_nothing_varies_there_is_no_r2_and_no_warning() -> None:
    found = score_genes(np.full((4, 1), 2.0), np.array([[1.0], [2.0], [3.0], [6.0]]))
    assert (found.l2.tolist(), found.flat.tolist()) == ([4.5], [False])
    assert np.isnan([*found.r2, *found.pearson]).all()
