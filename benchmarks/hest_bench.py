"""The scoring of one HEST-Bench task, ours beside the library's sequence of scikit-learn calls, in one process.

12,000 spots × 1,024 features, 50 genes, 4 folds. Prints the ratio of times, the largest difference of a gene's
Pearson r, and the peak of our memory as a multiple of the features. Exits with 1 where a claim does not hold.
"""

import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import pearsonr
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler

from past.evaluation.probes.reduction import Reduced, principal_components, stack
from past.evaluation.probes.ridge import RidgeHead
from past.evaluation.statistics.genes import score_genes

SPOTS, WIDTH, GENES, FOLDS, COMPONENTS = 12_000, 1024, 50, 4, 256
DECAY = 0.3  # of the features' spectrum: lsqr takes a dozen steps, as on a pathology encoder's features
FASTER, CLOSE, MEMORY = 2.0, 1e-6, 1.5


def simulate(seed: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return features and log1p counts of each fold's test sample, (3000, 1024) float32 and (3000, 50) float64."""
    rng = np.random.default_rng(seed)
    factors = rng.normal(size=(SPOTS, WIDTH)).astype(np.float32)
    mixing = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0].astype(np.float32)
    features = (factors * (np.arange(1, WIDTH + 1, dtype=np.float32) ** -DECAY)) @ mixing
    rates = np.exp(np.clip(factors[:, :60] @ rng.normal(size=(60, GENES)) * 0.1, -3, 3))
    counts = np.log1p(rng.poisson(rates).astype(np.float64))
    return np.array_split(features, FOLDS), np.array_split(counts, FOLDS)


def library(features: list[np.ndarray], counts: list[np.ndarray]) -> np.ndarray:
    """Return (folds, genes) Pearson r by scikit-learn's calls, one after the other, as the library makes them."""
    scores = []
    for k in range(FOLDS):
        x_train, y_train = (np.concatenate(parts[:k] + parts[k + 1 :]) for parts in (features, counts))
        scaler, pca = StandardScaler(), PCA(COMPONENTS, random_state=1)
        train = torch.Tensor(pca.fit_transform(scaler.fit_transform(x_train)))
        test = torch.Tensor(pca.transform(scaler.transform(features[k])))
        alpha = 100 / (COMPONENTS * GENES)
        ridge = Ridge(solver="lsqr", alpha=alpha, fit_intercept=False, max_iter=1000, random_state=1)
        predicted = ridge.fit(train, y_train).predict(test)
        print(f"  fold {k}: lsqr took {int(np.median(ridge.n_iter_))} steps")
        scores.append([])
        for truth, gene in zip(counts[k].T, predicted.T, strict=True):
            scores[-1].append((pearsonr(truth, gene)[0], np.mean((truth - gene) ** 2), r2_score(truth, gene)))
    return np.array(scores)[..., 0]


def our_fold(features: list[np.ndarray], counts: list[np.ndarray], k: int) -> np.ndarray:
    """Return (genes,) Pearson r of one fold by the task's own road."""
    rest = features[:k] + features[k + 1 :]
    train, to_components = principal_components(stack(rest, sum(map(len, rest))), COMPONENTS, f"fold {k}")
    expression = np.concatenate(counts[:k] + counts[k + 1 :])
    fold = Reduced(train, expression, np.zeros(len(train), int), to_components(features[k].copy()))
    return score_genes(counts[k], RidgeHead().predict(fold)).pearson


def ours(features: list[np.ndarray], counts: list[np.ndarray]) -> np.ndarray:
    """Return (folds, genes)."""
    return np.array([our_fold(features, counts, k) for k in range(FOLDS)])


def timed(run: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """Return the result and the seconds it took."""
    start = time.perf_counter()
    return run(), time.perf_counter() - start


def main() -> None:
    """Measure and print."""
    features, counts = simulate()
    theirs, their_time = timed(lambda: library(features, counts))
    found, our_time = timed(lambda: ours(features, counts))
    tracemalloc.start()
    ours(features, counts)
    peak = tracemalloc.get_traced_memory()[1] / sum(part.nbytes for part in features)
    ratio, difference = their_time / our_time, float(np.abs(found - theirs).max())
    print(f"library {their_time:.1f} s, ours {our_time:.1f} s: {ratio:.1f} times faster (claim: {FASTER:g})")
    print(f"mean r {theirs.mean():.6f} and {found.mean():.6f}, largest difference of a gene {difference:.1e}")
    print(f"peak memory beside the features: {peak:.2f} times theirs (claim: {MEMORY:g})")
    if ratio < FASTER or difference > CLOSE or peak > MEMORY:
        sys.exit("a claim does not hold")


if __name__ == "__main__":
    main()
