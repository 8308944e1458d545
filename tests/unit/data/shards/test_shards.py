"""`Shards(root).webdataset()`: every sample once over ranks and workers, and as the training's own reader gives it."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from shards import SIDE, keys_of, members, tar_of, write_set
from slide_shards import write_slides
from torch.utils.data import DataLoader

from past.base.errors import DataError
from past.data.shards import Shards
from past.data.shards.images import decode
from past.data.shards.index import ShardIndex
from past.data.shards.slides import SlideSet
from past.data.stream.plan import Reading
from past.data.stream.stream import shard_stream

SIZES = (5, 1, 7, 3)


@pytest.fixture
def index(tmp_path: Path) -> ShardIndex:
    return write_set(tmp_path / "set", SIZES)


def in_two_workers(samples: Any) -> list[dict[str, Any]]:
    return list(DataLoader(samples, batch_size=None, num_workers=2))


def keys(samples: Iterable[dict[str, Any]]) -> list[str]:
    return [sample["__key__"] for sample in samples]


@pytest.mark.parametrize("shuffle", [0, 6])
def test_two_workers_give_every_sample_once_as_our_own_reader_does(index: ShardIndex, shuffle: int) -> None:
    found = {sample["__key__"]: sample for sample in in_two_workers(Shards(index.root).webdataset(shuffle=shuffle))}
    stream = shard_stream(index, rank=0, seed=0, reading=Reading())
    own = {cell.key: cell for batch in stream for cell in batch.samples}
    assert len(found) == len(own) == sum(SIZES)
    for key, cell in own.items():
        sample = found[key]
        assert set(sample) == {"__key__", "__url__", "image", "genes", "counts", "offsets", "positions", "meta"}
        assert sample["__url__"] == cell.shard
        assert sample["meta"] == cell.meta
        assert sample["image"].shape == (3, SIDE, SIDE)
        assert torch.equal(sample["image"], decode(cell.image, SIDE))
        for name in ("genes", "counts", "offsets", "positions"):
            right = getattr(cell, name)
            assert sample[name].numpy().dtype == right.dtype
            np.testing.assert_array_equal(sample[name].numpy(), right)


def test_no_sample_comes_twice_in_an_epoch_of_two_ranks_of_two_workers(index: ShardIndex) -> None:
    shards = Shards(index.root)
    ranks = [keys(in_two_workers(shards.webdataset(shuffle=4, rank=rank, world=2))) for rank in (0, 1)]
    assert sorted(ranks[0] + ranks[1]) == sorted(keys_of(index))
    assert [len(rank) for rank in ranks] == [5 + 7, 1 + 3]


def test_samples_come_in_order_unless_they_are_shuffled(index: ShardIndex) -> None:
    shards = Shards(index.root)
    assert keys(shards.webdataset()) == keys_of(index)
    orders = {tuple(keys(shards.webdataset(shuffle=20))) for _ in range(5)}
    assert len(orders) == 5
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(keys_of(index)))}


def test_the_pipeline_goes_on_as_any_of_webdatasets(index: ShardIndex) -> None:
    batches = list(Shards(index.root).webdataset().to_tuple("image", "__key__").batched(6))
    assert [batch[0].shape for batch in batches] == [(6, 3, SIDE, SIDE), (6, 3, SIDE, SIDE), (4, 3, SIDE, SIDE)]
    assert [key for batch in batches for key in batch[1]] == keys_of(index)


def test_a_part_is_of_the_patients_that_are_named(index: ShardIndex) -> None:
    part = Shards(index.root).select(patients=["P0"])
    assert {shard.section for shard in part.index.shards} == {"S0", "S3"}
    assert len(keys(part.webdataset())) == 5 + 3


def test_slides_have_features_and_places(tmp_path: Path) -> None:
    root = write_slides(tmp_path / "slides", spots=20)
    found = list(Shards(root).webdataset())
    assert [sample["meta"]["section"] for sample in found] == ["A1", "A2", "B1", "C1"]
    for sample, right in zip(found, SlideSet.open(root), strict=True):
        assert set(sample) == {"__key__", "__url__", "features", "coords", "genes", "counts", "offsets", "meta"}
        for name in ("features", "coords", "genes", "counts", "offsets"):
            np.testing.assert_array_equal(sample[name], getattr(right, name))


def test_a_broken_sample_is_named(index: ShardIndex) -> None:
    contents = {**members(0), **members(1)}
    contents["S0_0000001.png"] = contents["S0_0000001.png"][:60]
    Path(index.root, "S0-000000.tar").write_bytes(tar_of(contents).ljust(index.shards[0].bytes, b"\0"))
    with pytest.raises(DataError, match=r"S0-000000\.tar: sample S0_0000001: its image does not decode"):
        list(Shards(index.root).webdataset())


@pytest.mark.parametrize(("rank", "world"), [(4, 5), (2, 2), (-1, 2)])
def test_a_rank_without_shards_is_refused(index: ShardIndex, rank: int, world: int) -> None:
    with pytest.raises(DataError, match=rf"rank {rank} of {world} gets none of the 4 shards of .*set: use fewer ranks"):
        Shards(index.root).webdataset(rank=rank, world=world)


def test_the_package_is_light_until_samples_are_read() -> None:
    program = (
        "import sys; from past.data.shards import Shards; print(sorted({'torch', 'webdataset'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "[]\n"
