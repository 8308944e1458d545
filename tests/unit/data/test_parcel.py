"""A batch comes out of a worker as it was, in memory that is used again when it is free and not before."""

import os
from pathlib import Path

import torch
from planted import Slice, write_planted
from tiny_past import planted_data

from past.data.parcel import SLOTS, Pieces, unpack
from past.types import CellBatch, Movable, ScoredSlide, SlideBatch, SparseExpression


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


def test_what_was_packed_is_unpacked() -> None:
    pieces = Pieces(1)
    for batch in (a_slide_batch(), a_cell_batch()):
        again = unpack(*pieces.pack(batch, 0))
        for own, right in zip(tensors_of(again), tensors_of(batch), strict=True):
            assert own.dtype == right.dtype
            torch.testing.assert_close(own, right, rtol=0, atol=0)
        assert len({tensor.untyped_storage().data_ptr() for tensor in tensors_of(again)}) == 1
    assert again.keys == ["a", "b", "c"]
    assert again.crops.is_contiguous(memory_format=torch.channels_last)


def test_a_piece_is_used_again_when_its_last_tensor_is_gone_and_not_before() -> None:
    pieces = Pieces(1)
    first = unpack(*pieces.pack(a_cell_batch(), 0))
    place, held = first.crops.data_ptr(), first.crops[1:, 0]
    expected = held.clone()
    del first
    second = unpack(*pieces.pack(a_cell_batch(), 0))
    assert second.crops.data_ptr() != place
    assert torch.equal(held, expected)
    del held
    *_, new, _ = packed = pieces.pack(a_cell_batch(4), 0)
    assert new is None
    assert unpack(*packed).crops.data_ptr() == place


def test_a_larger_batch_gets_a_larger_piece() -> None:
    pieces = Pieces(1)
    unpack(*pieces.pack(a_cell_batch(), 0))
    large = a_cell_batch(40)
    again = unpack(*pieces.pack(large, 0))
    assert torch.equal(again.crops, large.crops)
    assert len(pieces._known) == 1


def test_more_batches_may_be_kept_than_there_are_slots() -> None:
    pieces, batches = Pieces(1), [a_cell_batch() for _ in range(SLOTS + 3)]
    kept = [unpack(*pieces.pack(batch, 0)) for batch in batches]
    assert all(torch.equal(own.crops, right.crops) for own, right in zip(kept, batches, strict=True))


def test_a_forked_process_gives_nothing_back() -> None:
    pieces = Pieces(1)
    kept = [unpack(*pieces.pack(a_cell_batch(), 0))]
    if (child := os.fork()) == 0:
        kept.clear()
        os._exit(0)
    os.waitpid(child, 0)
    assert pieces._taken.sum() == 1
    kept.clear()
    assert pieces._taken.sum() == 0


def test_batches_of_real_workers_are_those_without_and_use_few_pieces(tmp_path: Path) -> None:
    write_planted(tmp_path / "set", [Slice("S0", "A", cells=4), Slice("S1", "C", cells=120)])
    found: dict[int, list[CellBatch]] = {}
    for workers in (0, 2):
        data = planted_data(tmp_path / "set", num_workers=workers, batch_size=2)
        data.setup("validate")
        places = {batch.crops.untyped_storage().data_ptr() for batch in data.val_dataloader()}
        found[workers] = list(data.val_dataloader())
    assert len(found[0]) == 60
    assert len(places) < 20
    for own, right in zip(found[2], found[0], strict=True):
        assert own.keys == right.keys
        assert all(torch.equal(*pair) for pair in zip(tensors_of(own), tensors_of(right), strict=True))
