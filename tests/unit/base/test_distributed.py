"""A process alone: rows travel nowhere, and their gradients with them. On ranks: tests/distributed/test_contrastive."""

import pytest
import torch

from past.base import distributed
from past.base.distributed import (
    gather_rows,
    gather_sizes,
    is_distributed,
    is_lost_rank,
    pass_around,
    rank_and_world,
)


def test_a_process_alone_is_rank_0_of_1() -> None:
    assert not is_distributed()
    assert rank_and_world() == (0, 1)
    assert gather_sizes(7, torch.device("cpu")) == [7]


def test_its_rows_are_all_rows() -> None:
    rows = torch.arange(6.0).view(3, 2).requires_grad_()
    gathered = gather_rows(rows)
    assert gathered.tolist() == [[0, 1], [2, 3], [4, 5]]
    around = list(pass_around(rows))
    assert [part.tolist() for part in around] == [gathered.tolist()]
    (gathered.sum() + 2 * around[0].sum()).backward()
    assert rows.grad is not None
    assert rows.grad.tolist() == [[3, 3]] * 3


def test_a_lost_rank_is_told_from_other_errors() -> None:
    assert is_lost_rank(RuntimeError("[../third_party/gloo/gloo/transport/tcp/pair.cc:534] Connection closed by peer"))
    assert is_lost_rank(torch.distributed.DistNetworkError("the client socket has timed out"))
    assert not is_lost_rank(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_rows_go_to_the_next_rank_and_come_from_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    class Work:
        def wait(self) -> None:
            pass

    asked: list[tuple[str, int]] = []

    def exchange(operations: list[tuple[str, int]]) -> list[Work]:
        asked.extend(operations)
        return [Work()]

    monkeypatch.setattr(distributed, "rank_and_world", lambda: (0, 4))
    monkeypatch.setattr(distributed.dist, "P2POp", lambda way, _, rank: (way.__name__, rank))
    monkeypatch.setattr(distributed.dist, "batch_isend_irecv", exchange)
    assert distributed._exchange(torch.zeros(2, 3), received=5, step=1).shape == (5, 3)
    assert distributed._exchange(torch.zeros(2, 3), received=5, step=-1).shape == (5, 3)
    assert asked == [("isend", 1), ("irecv", 3), ("isend", 3), ("irecv", 1)]


@pytest.mark.parametrize(("world", "several"), [(1, False), (2, True)])
def test_one_rank_is_not_distributed(world: int, several: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed.dist, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed.dist, "get_world_size", lambda: world)
    assert is_distributed() == several
