"""Weights that mix two predictions."""

import numpy as np

from past.models.past.cells.mixture import mixed, mixing_weights


def test_the_weight_is_that_of_least_error() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(500, 4))
    one, other = truth + 0.5 * rng.normal(size=truth.shape), truth + 1.0 * rng.normal(size=truth.shape)
    other[:, 1] = truth[:, 1]
    one[:, 2] = -truth[:, 2]
    other[:, 3] = one[:, 3]
    everywhere = np.ones(truth.shape, dtype=bool)
    share = mixing_weights(truth, one, other, everywhere)
    # of independent errors the weights are as the inverse variances: 0.8 of the one
    assert abs(share[0] - 0.8) < 0.05
    assert share[1] == 0
    assert share[2] < 0.5
    assert share[3] == 0.5
    tried = [((truth - mixed(one, other, np.full(4, w))) ** 2).mean(axis=0) for w in np.linspace(0, 1, 101)]
    best = np.argmin(tried, axis=0) / 100
    np.testing.assert_allclose(share[[0, 1, 2]], best[[0, 1, 2]], atol=0.006)


def test_what_is_not_measured_has_no_say() -> None:
    truth, one, other = np.array([[1.0], [9.0]]), np.array([[1.0], [0.0]]), np.array([[0.0], [9.0]])
    assert mixing_weights(truth, one, other, np.array([[True], [False]])) == 1
    assert mixing_weights(truth, one, other, np.zeros((2, 1), dtype=bool)) == 0.5
