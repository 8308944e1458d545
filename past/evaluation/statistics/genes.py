"""How well a fold's expression is predicted, gene by gene, and how sure that is."""

from dataclasses import dataclass

import numpy as np

STEPS = (0.2, 0.4)  # of Pearson r: the share of genes above each is reported
BLOCK = 64  # resamples at once: bounds memory to BLOCK x spots


@dataclass(frozen=True)
class GeneScores:
    """Scores of g genes over the pooled test spots of a fold; NaN where a gene is constant.

    Attributes:
        pearson: (g,) Pearson r of log1p expression.
        l2: (g,) mean squared error.
        r2: (g,) coefficient of determination, 1 - Σ(y - p)² / Σ(y - ȳ)².
    """

    pearson: np.ndarray
    l2: np.ndarray
    r2: np.ndarray


def score_genes(truth: np.ndarray, predicted: np.ndarray) -> GeneScores:
    """Score (spots, g) predictions against (spots, g) measured log1p expression."""
    truth, predicted = truth.astype(np.float64), predicted.astype(np.float64)
    t, p = truth - truth.mean(axis=0), predicted - predicted.mean(axis=0)
    squares = ((truth - predicted) ** 2).sum(axis=0)
    # A centred constant is not exactly 0, so constants are told by their values.
    constant = (np.ptp(truth, axis=0) == 0) | (np.ptp(predicted, axis=0) == 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        pearson = (t * p).sum(axis=0) / np.sqrt((t**2).sum(axis=0) * (p**2).sum(axis=0))
        r2 = 1 - squares / (t**2).sum(axis=0)
    r2[np.ptp(truth, axis=0) == 0] = np.nan
    return GeneScores(np.where(constant, np.nan, pearson), squares / len(truth), r2)


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
    r = np.where(np.isfinite(r), np.clip(r, -1, 1), 0.0)
    r[:, (np.ptp(truth, axis=0) == 0) | (np.ptp(predicted, axis=0) == 0)] = np.nan
    return r


def _resampled(values: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return (resamples, columns): the mean of the (spots, columns) values over spots drawn with replacement."""
    spots = len(values)
    drawn = [np.bincount(rng.integers(spots, size=spots), minlength=spots) for _ in range(resamples)]
    return np.stack(drawn) @ values / spots


def interval(draws: np.ndarray) -> tuple[float, float]:
    """Return the 95 % percentile interval of (resamples,) draws."""
    low, high = np.percentile(draws, [2.5, 97.5])
    return float(low), float(high)


def shares_above(pearson: np.ndarray) -> dict[str, float]:
    """Return the share of genes whose r is above each of STEPS, constant genes counted as below."""
    return {f"share_above_{step}": float((pearson > step).mean()) for step in STEPS}
