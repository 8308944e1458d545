"""A batch comes out of a worker as it was, in memory that is used again when it is free and not before."""

import os
import pickle
from collections.abc import Iterator
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
import torch
from tiny_past import planted_data, tiny_module
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from past.base.errors import DataError
from past.base.types import Movable
from past.data.stream.shared_buffers import SLOTS, SharedBuffers
from past.models.past.batch import CellBatch
from past.models.past.embed import embed_cells
from past.models.stpath.batch import ScoredSlide, SlideBatch, SparseExpression

Batch = TypeVar("Batch", CellBatch, SlideBatch)


def tensors_of(batch: Movable) -> list[torch.Tensor]:
    found: list[torch.Tensor] = []
    batch.map(found.append)
    return found


def a_slide_batch() -> SlideBatch:
    scored = tuple(ScoredSlide(torch.arange(n), torch.arange(3) + 9, torch.rand(n, 3)) for n in (2, 1))
    told = SparseExpression(torch.arange(5), torch.rand(5), torch.tensor([0, 2, 2, 5]))
    tokens = torch.tensor([4, 4, 5])
    return SlideBatch(torch.rand(7, 3).half().T, torch.rand(3, 2), (2, 1), tokens, tokens + 1, told, scored)


def a_cell_batch(side: int = 5) -> CellBatch:
    crops = torch.randint(0, 256, (3, side, side, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    tokens, none = torch.randint(0, 9, (3, 1, 7)), torch.zeros(3, 0)
    valid = torch.tensor([[True], [False], [True]])
    return CellBatch(crops, tokens, none, valid, tokens[:, 0, :3], none, ["a", "b", "c"], [{"x": 1}, {}, {}])


def sent(buffers: SharedBuffers, batch: Batch) -> Batch:
    return pickle.loads(ForkingPickler.dumps(buffers.pack(batch, 0)))


def test_what_was_packed_arrives() -> None:
    buffers = SharedBuffers(1)
    for batch in (a_slide_batch(), a_cell_batch()):
        again = sent(buffers, batch)
        for own, right in zip(tensors_of(again), tensors_of(batch), strict=True):
            assert own.dtype == right.dtype
            torch.testing.assert_close(own, right, rtol=0, atol=0)
        assert len({tensor.untyped_storage().data_ptr() for tensor in tensors_of(again)}) == 1
    assert again.keys == ["a", "b", "c"]
    assert again.crops.is_contiguous(memory_format=torch.channels_last)


def test_a_buffer_is_used_again_when_its_last_tensor_is_gone_and_not_before() -> None:
    buffers = SharedBuffers(1)
    first = sent(buffers, a_cell_batch())
    place, held = first.crops.data_ptr(), first.crops[1:, 0].numpy()
    expected = held.copy()
    del first
    second = sent(buffers, a_cell_batch())
    assert second.crops.data_ptr() != place
    np.testing.assert_array_equal(held, expected)
    del held
    assert sent(buffers, a_cell_batch(4)).crops.data_ptr() == place


def test_more_batches_may_be_kept_than_are_used_again() -> None:
    buffers, batches = SharedBuffers(1), [a_cell_batch() for _ in range(SLOTS + 3)]
    kept = [sent(buffers, batch) for batch in batches]
    assert all(torch.equal(own.crops, right.crops) for own, right in zip(kept, batches, strict=True))


def test_a_forked_process_gives_nothing_back() -> None:
    buffers = SharedBuffers(1)
    kept = [sent(buffers, a_cell_batch())]
    if (child := os.fork()) == 0:
        try:
            kept.clear()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert sum(buffers._in_use) == 1
    kept.clear()
    assert sum(buffers._in_use) == 0


class Growing(IterableDataset[CellBatch]):
    """Batches of one value each, from workers; now and then a larger one."""

    sides = (4, 9, 5, 9, 30, 4, 4, 30, 6, 31) * 6

    def __init__(self) -> None:
        self.buffers = SharedBuffers(2)

    def __iter__(self) -> Iterator[CellBatch]:
        info = get_worker_info()
        assert info is not None
        for value, side in enumerate(self.sides):
            yield self.buffers.pack(
                a_cell_batch(side).map(lambda tensor, value=value: torch.full_like(tensor, value)), info.id
            )


@pytest.mark.parametrize("start", ["fork", "spawn"])
@torch.inference_mode()  # as evaluation reads
def test_workers_use_few_buffers_and_grow_them(start: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[bool] = []
    lend = SharedBuffers.lend
    monkeypatch.setattr(
        SharedBuffers, "lend", lambda self, slot, new: made.append(new is not None) or lend(self, slot, new)
    )
    loader = DataLoader(Growing(), None, num_workers=2, multiprocessing_context=start)
    for number, batch in enumerate(loader):
        value = number // 2  # the workers in turn
        assert batch.crops.shape[2] == Growing.sides[value]
        assert all(torch.equal(tensor, torch.full_like(tensor, value)) for tensor in tensors_of(batch))
    assert number == 2 * len(Growing.sides) - 1
    assert len(made) == number + 1
    assert sum(made) < 40


def test_evaluation_reads_from_workers_and_keeps_no_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lent: list[int] = []
    lend = SharedBuffers.lend
    monkeypatch.setattr(SharedBuffers, "lend", lambda self, slot, new: lent.append(slot) or lend(self, slot, new))
    found = {}
    for workers in (0, 2):
        data = planted_data(tmp_path / "set", num_workers=workers, batch_size=2)
        data.setup("validate")
        module = tiny_module()
        module.fit_parts(data.samples.for_fitting())
        found[workers] = embed_cells(module.model.eval(), data.val_dataloader())
    assert found[2].keys == found[0].keys
    torch.testing.assert_close(found[2].images, found[0].images)
    assert len(lent) == 10
    assert len(set(lent)) < 10


def fails(*_: object) -> None:
    raise OSError("AF_UNIX path too long")


@pytest.mark.parametrize("broken", ["torch.Tensor.share_memory_", "multiprocessing.reduction.DupFd"])
def test_what_cannot_be_handed_over_is_a_message(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broken, fails)
    with pytest.raises(DataError, match=r"0\.0 MB cannot be handed over \(AF_UNIX path too long\): .*TMPDIR"):
        SharedBuffers(1).pack(a_cell_batch(), 0)
