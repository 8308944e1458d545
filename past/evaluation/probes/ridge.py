"""The two ridge heads: the HEST library's, and one whose alpha is chosen on the training patients."""

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from scipy.sparse.linalg import lsqr

from past.evaluation.probes.reduction import Reduced
from past.evaluation.statistics.genes import score_genes

ROWS = 2048  # spots at a time in float64
RUNS = 5  # that a single training patient is cut into


class RidgeHead:
    """The HEST library's: lsqr without intercept, alpha = 100 / (components · genes), stopped at a tolerance of 1e-4.

    lsqr sees the training spots X only through products, so a rotation of the spots changes none of its steps: it runs
    on the (k + 1) rows that have X's Gram matrix, not on n, and takes the same number of steps to the same weights.
    """

    name = "ridge"

    def predict(self, fold: Reduced) -> np.ndarray:
        """See Head."""
        components, genes = fold.train.shape[1], fold.expression.shape[1]
        gram, products = gram_matrices(fold.train, fold.expression)
        values, vectors = scipy.linalg.eigh(gram)
        kept = values > values.max() * np.finfo(np.float64).eps * components
        roots = np.sqrt(np.where(kept, values, 0))
        rotated = np.divide(vectors.T @ products, roots[:, None], where=kept[:, None], out=np.zeros_like(products))
        # What of each gene lies outside the span of X: lsqr's stopping rule reads the whole residual.
        outside = np.sqrt(np.maximum((fold.expression**2).sum(axis=0) - (rotated**2).sum(axis=0), 0))
        x = np.vstack([roots[:, None] * vectors.T, np.zeros(components)])
        y = np.vstack([rotated, outside])
        damp = np.sqrt(100 / (components * genes))
        weights = np.stack(
            [lsqr(x, y[:, i], damp=damp, atol=1e-4, btol=1e-4, iter_lim=1000)[0] for i in range(genes)], axis=1
        )
        return fold.test.astype(np.float64) @ weights


class RidgeCVHead:
    """Exact ridge with intercept; alpha by inner cross-validation over the training patients.

    Of `alphas` (relative to the mean eigenvalue of the Gram matrix), the one with the highest Pearson r, mean over
    genes and inner folds. A single training patient is cut into five runs of consecutive spots instead.
    """

    name = "ridge_cv"
    alphas = tuple(10.0 ** np.arange(-4, 3.1, 0.5))

    def predict(self, fold: Reduced) -> np.ndarray:
        """See Head."""
        groups = fold.groups
        if len(np.unique(groups)) < 2:
            groups = np.arange(len(groups)) * RUNS // len(groups)
        scores = np.zeros(len(self.alphas))
        for group in np.unique(groups):
            held = groups == group
            rest, x, y = _Ridge.fit(fold.train[~held], fold.expression[~held]), fold.train[held], fold.expression[held]
            pearson = [score_genes(y, rest.predict(x, alpha)).pearson for alpha in self.alphas]
            # A gene that is constant there says nothing of any alpha.
            scores += np.nan_to_num(np.stack(pearson)).mean(axis=1)
        return _Ridge.fit(fold.train, fold.expression).predict(fold.test, self.alphas[int(np.argmax(scores))])


@dataclass(frozen=True)
class _Ridge:
    """Ridge with intercept for every alpha at once: the centred Gram matrix in its eigenvectors."""

    mean_x: np.ndarray
    mean_y: np.ndarray
    values: np.ndarray
    vectors: np.ndarray
    rotated: np.ndarray

    @staticmethod
    def fit(x: np.ndarray, y: np.ndarray) -> "_Ridge":
        """Prepare (n, k) and (n, g)."""
        mean_x, mean_y = x.mean(axis=0, dtype=np.float64), y.mean(axis=0)
        gram, products = gram_matrices(x, y)
        values, vectors = scipy.linalg.eigh(gram - len(x) * np.outer(mean_x, mean_x))
        rotated = vectors.T @ (products - len(x) * np.outer(mean_x, mean_y))
        return _Ridge(mean_x, mean_y, np.maximum(values, 0), vectors, rotated)

    def predict(self, x: np.ndarray, alpha: float) -> np.ndarray:
        """Return (m, g) for (m, k); `alpha` is relative to the mean of the eigenvalues."""
        damped = self.values + alpha * max(self.values.mean(), np.finfo(np.float64).tiny)
        return (x - self.mean_x) @ (self.vectors @ (self.rotated / damped[:, None])) + self.mean_y


def gram_matrices(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return XᵀX (k, k) and XᵀY (k, g) of (n, k) and (n, g), float64, without a float64 copy of X."""
    gram, products = np.zeros((x.shape[1], x.shape[1])), np.zeros((x.shape[1], y.shape[1]))
    for start in range(0, len(x), ROWS):
        rows = x[start : start + ROWS].astype(np.float64)
        gram += rows.T @ rows
        products += rows.T @ y[start : start + ROWS]
    return gram, products
