"""Features reduced to their principal components, sample by sample."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from past.base.errors import DataError
from past.evaluation.probes.reduction import Reduced, number_groups, principal_components, stack


def fold(noise: float = 1.0, spots: int = 300, components: int = 12, genes: int = 4) -> tuple[Reduced, np.ndarray]:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(2 * spots, components)) * np.linspace(3, 0.5, components)).astype(np.float32)
    y = 2 + x @ rng.normal(size=(components, genes)) * 0.2 + rng.normal(0, noise, (2 * spots, genes))
    return Reduced(x[:spots], y[:spots], np.arange(spots) % 3, x[spots:]), y[spots:]


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_components_are_scikit_learns_own(dtype: type) -> None:
    rng = np.random.default_rng(1)
    train, test = (rng.normal(size=(n, 20)).astype(dtype) for n in (60, 30))
    scaler, pca = StandardScaler(), PCA(5, random_state=1)
    expected = pca.fit_transform(scaler.fit_transform(train))
    expected_test = pca.transform(scaler.transform(test))
    found, to_components = principal_components(train.copy(), 5, "here")
    assert np.array_equal(found, expected.astype(np.float32))
    assert np.array_equal(to_components(test.copy()), expected_test.astype(np.float32))


def test_too_few_spots_or_features_are_named() -> None:
    few, many = np.zeros((4, 20), np.float32), np.zeros((40, 3), np.float32)
    with pytest.raises(DataError, match=r"IDC fold 0: task.components=5, but only 4 training spots: use ≤ 4"):
        principal_components(few, 5, "IDC fold 0")
    with pytest.raises(DataError, match="only 3 features of the encoder: use ≤ 3, or compare"):
        principal_components(many, 5, "IDC fold 0")


def test_parts_are_stacked_and_names_numbered() -> None:
    parts = (np.full((n, 2), n, np.float16) for n in (1, 3))
    whole = stack(parts, 4)
    assert whole.dtype == np.float16
    assert whole[:, 0].tolist() == [1, 3, 3, 3]
    assert number_groups(["b", "a", "b"]).tolist() == [1, 0, 1]
