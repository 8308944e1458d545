"""What stands beside STPath: ridge, and the nearest measured spots."""

import numpy as np
from slide_shards import GENES, TOLD, WIDTH, part

from past.data.shards.slides import SlideSet
from past.evaluation.spots.baselines import Baselines, nearest_measured


def test_ridge_is_the_benchmarks_with_the_mean_put_back(slides: SlideSet) -> None:
    train, test = part(slides, "A1", "A2", "B1"), slides.get("C1")
    found = Baselines.fit(train, GENES, 256)
    assert found.components == WIDTH  # there are no more features
    ways = found.predict(test.features)
    assert list(ways) == [f"ridge, {WIDTH} PCs", "training mean"]
    ridge, mean = ways.values()
    counts = np.concatenate([train.counts(slide).toarray() for slide in train])
    np.testing.assert_allclose(mean, np.tile(np.log1p(counts).mean(axis=0), (64, 1)), rtol=1e-6)
    truth = np.log1p(slides.counts(test).toarray())
    r = [np.corrcoef(truth[:, i], ridge[:, i])[0, 1] for i in range(TOLD)]
    assert np.mean(r) > 0.6
    assert ((truth - ridge)[:, :TOLD] ** 2).mean() < ((truth - mean)[:, :TOLD] ** 2).mean()


def test_the_nearest_measured_spots_are_averaged() -> None:
    coords = np.array([[0.0, 0], [1, 0], [5, 0], [6, 0], [20, 0]])
    expression = np.array([[1.0], [3.0], [9.0]])
    two = nearest_measured(coords, np.array([0, 2, 4]), expression, 2)
    np.testing.assert_array_equal(two, [[2], [2], [2], [2], [6]])
    np.testing.assert_array_equal(nearest_measured(coords, np.array([2]), np.array([[9.0]]), 4), np.full((5, 1), 9.0))
