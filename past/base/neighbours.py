"""Who lies next to whom within a section."""

import numpy as np
from scipy.spatial import KDTree

_SPARE = 8  # looked up besides the k wanted, so that ties at the border are settled by place, not by the tree


def nearest(positions: np.ndarray, k: int) -> np.ndarray:
    """Return the k nearest other points of each point, nearest first; equal distances by y, then x, then index.

    So that the order of a file's rows has no say in who is next to whom on a grid.

    Args:
        positions: (n, 2) in µm.
        k: neighbours wanted; fewer where n is k or less.

    Returns:
        (n, min(k, n - 1)) int64 indices.
    """
    n = len(positions)
    k = min(k, n - 1)
    if k < 1:
        return np.empty((n, 0), np.int64)
    distances, found = KDTree(positions).query(positions, k=min(n, k + 1 + _SPARE))
    distances = np.where(found == np.arange(n)[:, None], np.inf, distances)  # the point itself goes last
    x, y = np.moveaxis(np.asarray(positions)[found], -1, 0)
    order = np.lexsort((found, x, y, distances), axis=-1)[:, :k]
    return np.take_along_axis(found, order, axis=1)
