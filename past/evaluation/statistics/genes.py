"""How well a fold's expression is predicted, gene by gene."""

from dataclasses import dataclass

import numpy as np

from past.evaluation.statistics.pearson import gene_pearson, is_constant

STEPS = (0.2, 0.4)  # of Pearson r: the share of genes above each is reported


@dataclass(frozen=True)
class GeneScores:
    """Scores of g genes over the pooled test spots of a fold.

    Attributes:
        pearson: (g,) Pearson r of log1p expression; for constants see `past.evaluation.statistics.pearson`.
        l2: (g,) mean squared error.
        r2: (g,) coefficient of determination, 1 - Σ(y - p)² / Σ(y - ȳ)²; NaN where the measured gene is constant.
        flat: (g,) bool, whether the prediction is constant.
    """

    pearson: np.ndarray
    l2: np.ndarray
    r2: np.ndarray
    flat: np.ndarray


def score_genes(truth: np.ndarray, predicted: np.ndarray) -> GeneScores:
    """Score (spots, g) predictions against (spots, g) measured log1p expression."""
    truth, predicted = truth.astype(np.float64), predicted.astype(np.float64)
    squares = ((truth - predicted) ** 2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r2 = 1 - squares / ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    r2[is_constant(truth)] = np.nan
    return GeneScores(gene_pearson(truth, predicted), squares / len(truth), r2, is_constant(predicted))


def shares_above(pearson: np.ndarray) -> dict[str, float]:
    """Return the share of genes whose r is above each of STEPS; one that is not defined counts as below."""
    return {f"share_above_{step}": float((pearson > step).mean()) for step in STEPS}
