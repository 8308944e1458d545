import numpy as np
import pytest

from past.base.neighbours import nearest


@pytest.mark.parametrize(("n", "k"), [(40, 8), (5, 8), (2, 1), (9, 8)])
def test_equals_all_distances_sorted(n, k):
    places = np.random.default_rng(n).uniform(0, 100, (n, 2))
    distances = np.linalg.norm(places[:, None] - places[None], axis=-1)
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_array_equal(nearest(places, k), np.argsort(distances, axis=1)[:, : min(k, n - 1)])


def test_equal_distances_go_by_place_whatever_the_order():
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    assert nearest(grid, 4)[12].tolist() == [7, 11, 13, 17]
    assert nearest(grid, 2)[12].tolist() == [7, 11]
    order = np.random.default_rng(0).permutation(25)
    np.testing.assert_array_equal(order[nearest(grid[order], 3)], nearest(grid, 3)[order])


def test_cells_at_one_place_are_each_others_neighbours():
    assert nearest(np.zeros((3, 2)), 2).tolist() == [[1, 2], [0, 2], [0, 1]]


@pytest.mark.parametrize(("n", "k"), [(1, 8), (4, 0)])
def test_nobody_to_be_a_neighbour(n, k):
    assert nearest(np.zeros((n, 2)), k).shape == (n, 0)


@pytest.mark.parametrize("seed", range(8))
def test_as_many_ties_as_are_looked_up_are_settled_by_place(seed):
    circle = np.array([[3, 4], [3, -4], [-3, 4], [-3, -4], [4, 3], [4, -3], [-4, 3], [-4, -3], [0, -5]])  # 5 away
    order = np.random.default_rng(seed).permutation(9)
    places = np.vstack([[0, 0], circle[order]]).astype(float)
    assert places[nearest(places, 1)[0]].tolist() == [[0, -5]]
