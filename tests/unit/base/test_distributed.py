"""A process alone: rows travel nowhere, and their gradients with them. On ranks: tests/distributed/test_contrastive."""

import torch

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
