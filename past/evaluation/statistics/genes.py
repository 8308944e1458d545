"""How well a fold's expression is predicted, gene by gene, and how sure that is."""

from dataclasses import dataclass

import numpy as np

from past.evaluation.statistics.pearson import decide_constants, gene_pearson, is_constant

STEPS = (0.2, 0.4)  # of Pearson r: the share of genes above each is reported
BOUNDS = (2.5, 97.5)  # percentiles of draws between which 95 % of them lie
BLOCK = 64  # resamples at once: bounds memory to BLOCK x spots


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


def bootstrap_pearson(truth: np.ndarray, predicted: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Return (resamples, g) Pearson r, each over as many spots drawn with replacement.

    The draws depend on the number of spots and the seed alone, so two encoders on one fold are compared on the same
    spots. A resample enters only through how often it draws each spot, so a block of them is one matrix product.

    Args:
        truth: (spots, g) measured.
        predicted: (spots, g).
        resamples: how many.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    # Centred first: the moments lose the digits of a large mean.
    t, p = truth - truth.mean(axis=0), predicted - predicted.mean(axis=0)
    moments = np.hstack([t, p, t * p, t * t, p * p])
    blocks = [
        _resampled(moments, min(BLOCK, resamples - start), rng).reshape(-1, 5, truth.shape[1])
        for start in range(0, resamples, BLOCK)
    ]
    mean_t, mean_p, mean_tp, mean_tt, mean_pp = np.concatenate(blocks).swapaxes(0, 1)
    spread = np.sqrt(np.maximum((mean_tt - mean_t**2) * (mean_pp - mean_p**2), 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (mean_tp - mean_t * mean_p) / spread
    # In a resample that happens to draw a gene's spots all alike, r is not defined: 0, no linear relation seen.
    return decide_constants(np.where(np.isfinite(r), np.clip(r, -1, 1), 0.0), truth, predicted)


def _resampled(values: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return (resamples, columns): the mean of the (spots, columns) values over spots drawn with replacement."""
    spots = len(values)
    drawn = [np.bincount(rng.integers(spots, size=spots), minlength=spots) for _ in range(resamples)]
    return np.stack(drawn) @ values / spots


def bounds(draws: np.ndarray) -> np.ndarray:
    """Return (2, …), the ends of the 95 % percentile interval of (resamples, …) draws; NaN where they are."""
    return np.percentile(draws, BOUNDS, axis=0)


def interval(draws: np.ndarray) -> tuple[float, float]:
    """Return the 95 % percentile interval of (resamples,) draws; see `bounds`."""
    low, high = bounds(draws)
    return float(low), float(high)


def shares_above(pearson: np.ndarray) -> dict[str, float]:
    """Return the share of genes whose r is above each of STEPS; one that is not defined counts as below."""
    return {f"share_above_{step}": float((pearson > step).mean()) for step in STEPS}
