"""Two measurements of the same things beside each other: rank correlation, concordance, limits of agreement."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import spearmanr

NAN = float("nan")
WITHIN = 1.96  # deviations of the differences that 95 % lie within


@dataclass(frozen=True)
class BlandAltman:
    """How n pairs of numbers agree; NaN where too few, or none varies.

    Attributes:
        pairs: n.
        spearman: rank correlation.
        lin: Lin's concordance (Biometrics 1989): 2 s_xy / (s_x² + s_y² + (x̄ - ȳ)²), sums over n.
        difference: mean of y - x (Bland and Altman, Lancet 1986).
        low: lower limit of agreement, 1.96 deviations of the differences below their mean.
        high: upper limit.
    """

    pairs: int
    spearman: float
    lin: float
    difference: float
    low: float
    high: float

    @staticmethod
    def of(x: np.ndarray, y: np.ndarray) -> "BlandAltman":
        """Compare (n,) measured x and (n,) predicted y."""
        apart = y - x
        if len(x) < 3:
            return BlandAltman(len(x), NAN, NAN, float(apart.mean()) if len(x) else NAN, NAN, NAN)
        varies = np.ptp(x) > 0 and np.ptp(y) > 0
        spearman: Any = spearmanr(x, y)[0] if varies else NAN
        spread = x.var() + y.var() + (x.mean() - y.mean()) ** 2
        lin = float(2 * ((x - x.mean()) * (y - y.mean())).mean() / spread) if spread > 0 else NAN
        reach = WITHIN * float(apart.std(ddof=1))
        return BlandAltman(
            len(x), float(spearman), lin, float(apart.mean()), apart.mean() - reach, apart.mean() + reach
        )
