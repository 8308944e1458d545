"""What every head reads: standardised features on their first principal components, as the HEST library makes them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from past.base.errors import DataError
from past.evaluation.probes.pca import ROWS, SEED, applies, covariance_pca


@dataclass(frozen=True)
class Reduced:
    """A fold as a head sees it.

    Attributes:
        train: (n, k) float32 principal components of the training spots.
        expression: (n, g) float64 log1p counts of the training spots.
        groups: (n,) int, the training spots' patients.
        test: (m, k) float32 principal components of the test spots.
    """

    train: np.ndarray
    expression: np.ndarray
    groups: np.ndarray
    test: np.ndarray


def stack(parts: Iterable[np.ndarray], rows: int) -> np.ndarray:
    """Lay (r, d) arrays end to end, each let go as soon as it is copied; they sum to `rows`."""
    whole, start = np.empty((0, 0)), 0
    for part in parts:
        if start == 0:
            whole = np.empty((rows, part.shape[1]), part.dtype)
        whole[start : start + len(part)] = part
        start += len(part)
    return whole


def principal_components(
    train: np.ndarray, components: int, source: str
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return the components of the training spots, (n, k) float32, and what brings other spots to theirs.

    scikit-learn's StandardScaler, then PCA(random_state=1), both fitted on the training spots; for many spots the PCA
    is made from the covariance, and equal within the rounding of scikit-learn's float32.

    Args:
        train: (n, d) features; overwritten, and so are those that are brought to components.
        components: k.
        source: names the fold in messages.

    Raises:
        DataError: fewer spots or features than components.
    """
    for count, what, cure in (
        (len(train), "training spots", ""),
        (train.shape[1], "features of the encoder", ", or compare encoders of that width in a table of their own"),
    ):
        if count < components:
            raise DataError(f"{source}: task.components={components}, but only {count} {what}: use ≤ {count}{cure}")
    scaler = StandardScaler(copy=False)
    for start in range(0, len(train), ROWS):
        scaler.partial_fit(train[start : start + ROWS])
    train = np.asarray(scaler.transform(train))
    if applies(len(train), train.shape[1], components):
        of_train, of_others = covariance_pca(train, components)
        return of_train(train), lambda features: of_others(np.asarray(scaler.transform(features)))
    pca = PCA(components, random_state=SEED, copy=False)
    reduced = pca.fit_transform(train).astype(np.float32)
    return reduced, lambda features: pca.transform(scaler.transform(features)).astype(np.float32)


def number_groups(names: Sequence[str]) -> np.ndarray:
    """Return (n,) integers that are equal where the names are."""
    return np.unique(list(names), return_inverse=True)[1]
