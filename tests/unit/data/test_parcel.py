"""A batch comes out of a worker as it was, in one piece."""

from pathlib import Path

import torch
from tiny_past import planted_data

from past.data.parcel import pack, unpack
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


def a_cell_batch() -> CellBatch:
    crops = torch.randint(0, 256, (3, 5, 5, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    tokens, none = torch.randint(0, 9, (3, 1, 7)), torch.zeros(3, 0)
    valid = torch.tensor([[True], [False], [True]])
    return CellBatch(crops, tokens, none, valid, tokens[:, 0, :3], none, ["a", "b", "c"], [{"x": 1}, {}, {}])


def test_what_was_packed_is_unpacked() -> None:
    for batch in (a_slide_batch(), a_cell_batch()):
        outline, piece = pack(batch)
        assert all(tensor.is_meta for tensor in tensors_of(outline))
        again = unpack(outline, piece)
        for own, right in zip(tensors_of(again), tensors_of(batch), strict=True):
            assert own.dtype == right.dtype
            assert own.is_contiguous() == torch.empty_like(right).is_contiguous()
            torch.testing.assert_close(own, right, rtol=0, atol=0)
    assert again.keys == ["a", "b", "c"]
    assert again.crops.is_contiguous(memory_format=torch.channels_last)


def test_a_workers_batch_is_one_piece(tmp_path: Path) -> None:
    pieces = {}
    for workers in (0, 1):
        data = planted_data(tmp_path / "set", num_workers=workers)
        data.setup("validate")
        (batch,) = data.val_dataloader()
        pieces[workers] = {tensor.untyped_storage().data_ptr() for tensor in tensors_of(batch)}
    assert len(pieces[0]) == 6
    assert len(pieces[1]) == 1
