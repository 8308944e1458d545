"""How many true nuclei are found, each once and within reach."""

import numpy as np
from scipy.spatial import KDTree


def f1(true: np.ndarray, found: np.ndarray, reach: float = 4.0) -> tuple[float, float, float]:
    """Return F1, precision and recall of places found (m, 2) against true ones (n, 2): nearest pairs first."""
    away, rows = KDTree(true).query(found, k=5, distance_upper_bound=reach)
    pairs = sorted(
        (d, i, j) for i in range(len(found)) for d, j in zip(away[i], rows[i], strict=True) if np.isfinite(d)
    )
    ours, theirs = set(), set()
    for _, i, j in pairs:
        if i not in ours and j not in theirs:
            ours.add(i)
            theirs.add(j)
    precision, recall = len(ours) / len(found), len(theirs) / len(true)
    return 2 * precision * recall / max(precision + recall, 1e-9), precision, recall
