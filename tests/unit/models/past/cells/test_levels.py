"""Levels of a stain, of measured cells and of predictions."""

import numpy as np
import pytest

from past.models.past.cells.levels import grades, matched_levels, measured_levels


def test_levels_are_quantiles_of_the_positive() -> None:
    gene = np.concatenate([np.zeros(100), np.arange(1, 91) / 10])
    levels = measured_levels(np.stack([gene, np.zeros(190), np.repeat([0.0, 1.0], 95)], axis=1))
    assert levels[:, 0] == pytest.approx(np.quantile(gene[100:], (0.1, 1 / 3, 2 / 3)))
    assert np.isnan(levels[:, 1:]).all()


def test_a_smoother_prediction_has_as_many_cells_above_its_own_levels() -> None:
    rng = np.random.default_rng(0)
    truth = np.maximum(rng.normal(1, 1, (2000, 1)), 0)
    predicted = 0.2 * truth + 0.7 + 0.01 * rng.normal(size=truth.shape)
    levels = measured_levels(truth)
    own = matched_levels(truth, predicted, levels)
    measured, found = grades(truth, levels)[:, 0], grades(predicted, own)[:, 0]
    assert np.abs(np.bincount(measured, minlength=4) - np.bincount(found, minlength=4)).max() <= 2
    assert (grades(predicted, levels)[:, 0] == 3).sum() < (measured == 3).sum() / 2
    assert np.isnan(matched_levels(truth, np.ones_like(truth), levels)).all()
    assert (grades(truth, np.full((3, 1), np.nan)) == -1).all()


def test_grades_by_hand() -> None:
    levels = np.array([[1.0], [2.0], [3.0]])
    assert grades(np.array([[0.0], [1.0], [2.5], [3.0]]), levels)[:, 0].tolist() == [0, 1, 2, 3]
