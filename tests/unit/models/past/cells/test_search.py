"""The exact search beside a plain one."""

import numpy as np
import pytest
import torch

from past.models.past.cells import search
from past.models.past.cells.search import nearest_keys


@pytest.mark.parametrize(("keys", "k"), [(3, 5), (700, 7), (5000, 3)])
def test_the_nearest_are_those_of_a_full_sort(monkeypatch: pytest.MonkeyPatch, keys: int, k: int) -> None:
    monkeypatch.setattr(search, "QUERIES", 37)
    monkeypatch.setattr(search, "KEYS", 1024)
    rng = np.random.default_rng(0)
    queries, bank = (torch.from_numpy(rng.standard_normal((n, 16)).astype(np.float32)) for n in (100, keys))
    values, rows = nearest_keys(queries, bank, k)
    similar = queries.double() @ bank.double().T
    wanted = similar.sort(dim=1, descending=True)
    k = min(k, keys)
    assert values.shape == (100, k)
    np.testing.assert_allclose(values, wanted.values[:, :k], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(rows, wanted.indices[:, :k])


def test_keys_that_lie_together_are_not_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of the k nearest in one group, and the nearest of all last."""
    monkeypatch.setattr(search, "KEYS", 1024)
    keys = torch.zeros(4096, 2)
    keys[64:74, 0] = torch.arange(1, 11).float()
    keys[4095, 0] = 20
    values, rows = nearest_keys(torch.tensor([[1.0, 0.0]]), keys, 4)
    assert values.tolist() == [[20, 10, 9, 8]]
    assert rows.tolist() == [[4095, 73, 72, 71]]


def test_half_precision_keys_are_searched_as_what_they_are() -> None:
    keys = torch.eye(8).half()
    assert nearest_keys(torch.eye(8), keys, 1)[1][:, 0].tolist() == list(range(8))
