"""Batches as the model takes them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from shards import GENES, SIDE, a_record, write_set

from past.base.errors import DataError
from past.data.shards.index import ShardIndex
from past.data.stream.plan import Reading
from past.data.stream.stream import RawBatch, shard_stream
from past.models.past.samples.augmentation import Augmentation
from past.models.past.samples.batches import BatchMaker
from past.models.past.samples.tokens import Tokenizer

TOKENIZER = Tokenizer(GENES, GENES, {"Xenium": np.ones(len(GENES))}, context=10, neighbours=2)


def raw(index: ShardIndex) -> RawBatch:
    return next(shard_stream(index, rank=0, seed=0, reading=Reading(batch_size=8, shuffle=False)))


def test_a_batch_has_the_shapes_it_promises(tmp_path: Path) -> None:
    batch, faults = BatchMaker(TOKENIZER, SIDE)(raw(write_set(tmp_path, [5])), epoch=0)
    assert batch.crops.shape == (5, 3, SIDE, SIDE)
    assert batch.crops.dtype == torch.uint8
    assert batch.tokens.shape == batch.values.shape == (5, 3, 10)
    assert (batch.tokens.dtype, batch.values.dtype) == (torch.int64, torch.float32)
    assert batch.valid.all()
    assert batch.context_tokens.tolist() == [[4, 9, 5]] * 5
    assert (batch.positions.shape, batch.positions.dtype) == ((5, 3, 2), torch.float32)
    assert batch.positions[:, 0].eq(0).all()
    assert batch.keys == [f"S0_{i:07d}" for i in range(5)]
    assert batch.meta[4]["cell"] == "cell 4"
    assert not faults.skipped
    for number in range(5):
        np.testing.assert_array_equal(batch.crops[number].permute(1, 2, 0).numpy(), a_record(number).crop)


def test_thinning_changes_with_the_epoch_and_repeats(tmp_path: Path) -> None:
    index = write_set(tmp_path, [6])
    make = BatchMaker(TOKENIZER, SIDE, seed=4, augmentation=Augmentation(thinning=0.5))
    first, again = make(raw(index), 0)[0], make(raw(index), 0)[0]
    other = make(raw(index), 1)[0]
    assert torch.equal(first.values, again.values)
    assert not torch.equal(first.values, other.values)
    assert torch.equal(first.crops, other.crops), "pixels change on the device"


def test_a_crop_that_does_not_decode_is_named_or_counted(tmp_path: Path) -> None:
    index = write_set(tmp_path, [3])
    broken = raw(index)
    broken.samples[1] = type(broken.samples[1])(**{**vars(broken.samples[1]), "image": b"nothing"})
    with pytest.raises(DataError, match=r"S0-000000.tar: sample S0_0000001: its image begins with 'nothing'"):
        BatchMaker(TOKENIZER, SIDE)(broken, 0)
    batch, faults = BatchMaker(TOKENIZER, SIDE, on_error="skip")(broken, 0)
    assert batch.keys == ["S0_0000000", "S0_0000002"]
    np.testing.assert_array_equal(batch.crops[1].permute(1, 2, 0).numpy(), a_record(2).crop)
    assert faults.skipped == {"S0-000000.tar": 1}
    with pytest.raises(DataError, match="its image claims 16 × 16 px: wanted 8 × 8"):
        BatchMaker(TOKENIZER, 8)(raw(index), 0)


def test_a_batch_without_a_readable_sample_is_an_error(tmp_path: Path) -> None:
    index = write_set(tmp_path, [2])
    (tmp_path / index.shards[0].name).unlink()
    empty = next(shard_stream(index, rank=0, seed=0, reading=Reading(), on_error="skip"))
    with pytest.raises(DataError, match=r"batch 0: none of its samples can be read; the first: .*S0-000000\.tar"):
        BatchMaker(TOKENIZER, SIDE, on_error="skip")(empty, 0)


@pytest.mark.parametrize(
    ("augmentation", "changes"),
    [(Augmentation(turns=False, stain=0), False), (Augmentation(stain=0), True), (Augmentation(turns=False), True)],
)
def test_pixels_change_on_the_device_where_anything_may_change(
    tmp_path: Path, augmentation: Augmentation, changes: bool
) -> None:
    make = BatchMaker(TOKENIZER, SIDE, seed=4, augmentation=augmentation)
    batch, _ = make(raw(write_set(tmp_path, [3])), epoch=2)
    assert batch.augment == (augmentation.drawn(4, 2) if changes else None)
