"""PCA from the covariance against scikit-learn's own solvers."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from past.evaluation.probes.pca import applies, covariance_pca


def features(spots: int, width: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(spots, width)) * np.linspace(2, 0.5, width) + 0.1).astype(np.float32)


@pytest.mark.parametrize(
    ("spots", "width", "components", "solver"),
    [
        (600, 40, 8, "covariance_eigh"),
        (600, 100, 8, "randomized"),  # seven power iterations
        (600, 100, 60, "randomized"),  # four
    ],
)
def test_the_components_are_scikit_learns(spots: int, width: int, components: int, solver: str) -> None:
    train, test = features(2 * spots, width)[::2], features(2 * spots, width)[1::2]
    assert applies(spots, width, components)
    # in float64, but from the float32 start that scikit-learn draws for float32 features
    pca = PCA(components, random_state=1, svd_solver=solver)  # type: ignore[arg-type]
    expected = pca.fit_transform(train.astype(np.float64))
    of_train, of_others = covariance_pca(train, components)
    assert of_train(train).dtype == np.float32
    assert of_train(train) == pytest.approx(expected, abs=5e-5)
    assert of_others(test) == pytest.approx(pca.transform(test.astype(np.float64)), abs=5e-5)


def test_half_precision_features_start_from_the_undiminished_draw() -> None:
    half = features(600, 100).astype(np.float16)
    expected = PCA(60, random_state=1, svd_solver="randomized").fit_transform(half.astype(np.float64))
    assert covariance_pca(half, 60)[0](half) == pytest.approx(expected, abs=1e-5)


def test_few_spots_are_left_to_scikit_learn() -> None:
    assert not applies(300, 40, 40)  # an SVD, as 300 is small
    assert not applies(300, 2000, 200)  # more features than spots
    assert not applies(600, 100, 90)  # nearly all components
    auto = PCA(8, random_state=1).fit(features(600, 100))
    assert auto._fit_svd_solver == "randomized"
    assert PCA(8).fit(features(600, 40))._fit_svd_solver == "covariance_eigh"
    assert PCA(90).fit(features(600, 100))._fit_svd_solver == "full"
