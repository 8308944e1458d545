import numpy as np
import pytest

from past.evaluation.statistics.clusters import agreement, cluster

pytestmark = pytest.mark.slow  # scanpy's neighbours are compiled


def regions(noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Expression of 20 genes in three regions of 40 spots, and which spot lies in which."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(np.arange(3), 40)
    return rng.normal(0, 1, (3, 20))[kind] + rng.normal(0, noise, (120, 20)), kind


def test_regions_are_found_and_the_same_ones_agree() -> None:
    expression, kind = regions(0.1)
    found = cluster(expression, seed=0)
    assert agreement(kind, found) == pytest.approx({"ari": 1, "ami": 1, "nmi": 1, "homogeneity": 1})
    np.testing.assert_array_equal(cluster(expression, seed=0), found)


def test_chance_agrees_by_nothing_and_noise_by_less() -> None:
    expression, kind = regions(0.1)
    shuffled = agreement(kind, np.random.default_rng(0).permutation(kind))
    assert abs(shuffled["ari"]) < 0.05
    assert abs(shuffled["ami"]) < 0.05
    noisy = agreement(kind, cluster(expression + np.random.default_rng(1).normal(0, 3, expression.shape), seed=0))
    assert noisy["ari"] < 0.6


def test_nothing_to_part_is_no_cluster() -> None:
    constant = np.tile(np.arange(5.0), (50, 1))
    assert cluster(constant, seed=0) is None
    assert cluster(regions(1.0)[0][:5], seed=0) is None
    assert agreement(np.zeros(50), None) == dict.fromkeys(("ari", "ami", "nmi", "homogeneity"))
