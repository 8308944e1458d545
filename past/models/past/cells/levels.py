"""From which expression on a cell would stain weakly, moderately, strongly: of measured cells, and of predicted ones.

A prediction is smoother than what it predicts: few cells are predicted as high as the highest are. So the levels of
predictions are those that as many predicted cells reach as measured ones reach the levels of the measurement.
"""

from typing import Final

import numpy as np

LEVELS: Final = ("weak_from", "moderate_from", "strong_from")  # columns of var in a prediction
QUANTILES: Final = (0.1, 1 / 3, 2 / 3)  # of the positive cells


def measured_levels(expression: np.ndarray) -> np.ndarray:
    """Return (3, g) levels of (n, g) measured log1p expression; NaN for a gene of too few levels.

    Positive is what expresses the gene at all. Weak begins at the lowest tenth of the positive cells, moderate and
    strong at their thirds: grades are relative to these cells, and no pathologist's.
    """
    found = np.full((3, expression.shape[1]), np.nan)
    for gene, values in enumerate(expression.T):
        positive = values[values > 0]
        if len(positive):
            levels = np.quantile(positive, QUANTILES)
            found[:, gene] = levels if (np.diff(levels) > 0).all() else np.nan
    return found


def matched_levels(expression: np.ndarray, predicted: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return (3, g) levels that as many of the (n, g) predicted values reach as measured ones reach `levels` (3, g).

    NaN for a gene whose levels are, or whose predictions do not tell three levels apart.
    """
    found = np.full(levels.shape, np.nan)
    for gene in np.flatnonzero(np.isfinite(levels).all(axis=0)):
        below = [(expression[:, gene] < level).mean() for level in levels[:, gene]]
        matched = np.quantile(predicted[:, gene], below)
        found[:, gene] = matched if (np.diff(matched) > 0).all() else np.nan
    return found


def grades(expression: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Return (n, g) int8 grades 0 to 3 of (n, g) expression; -1 for a gene without levels (3, g)."""
    found = (expression[None] >= levels[:, None]).sum(axis=0).astype(np.int8)
    return np.where(np.isfinite(levels).all(axis=0), found, np.int8(-1))
