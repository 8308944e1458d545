"""Two predictions mixed gene by gene, by weights that cells of held-out patients choose."""

import numpy as np


def mixing_weights(truth: np.ndarray, one: np.ndarray, other: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Return (g,) the share of `one` in each gene's mixture, 0 to 1, of least squared error.

    The error of w·a + (1 - w)·b against y is least at w = Σ(y - b)(a - b) / Σ(a - b)². A gene that no cell measures, or
    that both predict alike, has 0.5.

    Args:
        truth: (n, g) measured log1p expression of cells that neither prediction knows.
        one: (n, g) prediction.
        other: (n, g) prediction.
        measured: (n, g) bool: what of the truth is measured.
    """
    apart = np.where(measured, one.astype(np.float64) - other, 0)
    square = (apart**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = ((truth - other) * apart).sum(axis=0) / square
    return np.where(square > 1e-12, np.clip(share, 0, 1), 0.5)


def mixed(one: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return (n, g): `share` (g,) of `one`, the rest of `other`."""
    return share * one + (1 - share) * other
