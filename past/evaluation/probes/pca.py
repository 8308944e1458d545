"""scikit-learn's PCA of many spots from their covariance alone: the same numbers, less time and memory.

Both of its solvers for many spots, "covariance_eigh" and "randomized" (Halko et al. 2011), read the spots X only
through XᵀX, apart from rounding: a power iteration on X is one on the (d, d) covariance.
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

ROWS = 1024  # spots at a time in float64: bounds memory
OVERSAMPLES = 10  # directions that the randomized solver carries beyond those wanted
SEED = 1  # the HEST library's


@dataclass(frozen=True)
class Projection:
    """From (n, d) standardised features to (n, k) float32 components.

    Attributes:
        mean: (d,) of the training spots.
        matrix: (d, k).
    """

    mean: np.ndarray
    matrix: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return (n, k)."""
        out = np.empty((len(features), self.matrix.shape[1]), dtype=np.float32)
        for start in range(0, len(features), ROWS):
            out[start : start + ROWS] = (features[start : start + ROWS] - self.mean) @ self.matrix
        return out


def applies(spots: int, width: int, components: int) -> bool:
    """Whether scikit-learn (since 1.5) chooses one of these solvers, and spots ≥ width; else it takes an SVD."""
    return spots >= width and (
        _exact(spots, width) or (max(spots, width) > 500 and components < 0.8 * min(spots, width))
    )


def _exact(spots: int, width: int) -> bool:
    return width <= 1000 and spots >= 10 * width


def covariance_pca(features: np.ndarray, components: int) -> tuple[Projection, Projection]:
    """Return what brings the training spots to their components, and other spots to theirs.

    The randomized solver's two differ: of the training spots it keeps U·S, which its right vectors only approximate.

    Args:
        features: (n, d) standardised, float16 or float32.
        components: k.
    """
    spots, width = features.shape
    mean, covariance = _moments(features)
    if _exact(spots, width):
        vectors = scipy.linalg.eigh(covariance, subset_by_index=[width - components, width - 1])[1][:, ::-1]
        vectors = vectors * _signs(vectors)
        return Projection(mean, vectors), Projection(mean, vectors)
    train, other = _randomized(covariance, components, 7 if components < 0.1 * width else 4, features.dtype)
    signs = _signs(other)
    return Projection(mean, train * signs), Projection(mean, other * signs)


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean (d,) and Σ(x - mean)(x - mean)ᵀ (d, d), float64."""
    spots, width = features.shape
    total, products = np.zeros(width), np.zeros((width, width))
    for start in range(0, spots, ROWS):
        rows = features[start : start + ROWS].astype(np.float64)
        total += rows.sum(axis=0)
        products += rows.T @ rows
    mean = total / spots
    products -= np.outer(spots * mean, mean)
    return mean, products


def _randomized(covariance: np.ndarray, components: int, steps: int, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    """Return (d, k) maps to U·S of the training spots and to X·V of others.

    With Y the start after the power iterations, X is approximated by QB, Q an orthonormal basis of XY and B = QᵀX.
    Neither needs X: with C = XᵀX and YᵀCY = LLᵀ, Q = X Y L⁻ᵀ, so B = L⁻¹YᵀC, and B's SVD gives U, S and V.
    """
    start = np.random.RandomState(SEED).normal(size=(len(covariance), components + OVERSAMPLES))
    basis = start if dtype == np.float16 else start.astype(np.float32).astype(np.float64)
    for _ in range(steps):
        basis = np.linalg.qr(covariance @ basis).Q
    image = covariance @ basis
    lower = scipy.linalg.cholesky(basis.T @ image, lower=True)
    b = scipy.linalg.solve_triangular(lower, image.T, lower=True)
    squares, left = scipy.linalg.eigh(b @ b.T)
    left, values = left[:, ::-1][:, :components], np.sqrt(squares[::-1][:components])
    train = basis @ scipy.linalg.solve_triangular(lower.T, left * values)
    return train, b.T @ left / values


def _signs(vectors: np.ndarray) -> np.ndarray:
    """Return ±1 for each column: scikit-learn makes its largest entry positive."""
    return np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])])
