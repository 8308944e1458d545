"""Loaders with real worker processes: order, place, faults."""

import logging
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from shards import GENES, SIDE, keys_of, write_set

from past.base.errors import DataError
from past.data.shards.entries import Shard
from past.data.shards.index import ShardIndex
from past.data.shards.reader import LocalShards, OnError
from past.data.stream.agreement import Agreement
from past.data.stream.loader import Loader, RankReader, TrainingLoader
from past.data.stream.plan import Reading
from past.models.past.batch import CellBatch
from past.models.past.samples.batches import BatchMaker
from past.models.past.samples.tokens import Tokenizer


def reader(
    index: ShardIndex,
    workers: int = 0,
    rank: int = 0,
    world: int = 1,
    on_error: OnError = "raise",
    batch_size: int = 4,
    **options,
) -> RankReader:
    tokenizer = Tokenizer(GENES, GENES, {"Xenium": np.ones(len(GENES))}, context=8, neighbours=2)
    reading = Reading(world, batch_size, open_shards=2, buffer=10)
    make = BatchMaker(tokenizer, SIDE, on_error=on_error)
    return RankReader(index, make, reading, rank, seed=7, workers=workers, agreement=Agreement(), **options)


def keys(batches: Iterator[CellBatch]) -> list[str]:
    return [key for batch in batches for key in batch.keys]


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_change_nothing(tmp_path: Path, workers: int) -> None:
    index = write_set(tmp_path, [9, 3, 8])
    loader = TrainingLoader(reader(index, workers))
    epochs = [keys(iter(loader)) for _ in range(2)]
    reference = TrainingLoader(reader(index))
    assert epochs == [keys(iter(reference)) for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == sorted(keys_of(index))
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize("done", range(6))
def test_a_state_goes_on_where_it_was_though_workers_were_ahead(tmp_path: Path, done: int) -> None:
    index = write_set(tmp_path, [9, 3, 8])
    whole = TrainingLoader(reader(index))
    first, second = keys(iter(whole)), keys(iter(whole))
    broken_off = TrainingLoader(reader(index, workers=2))
    used = keys(islice(iter(broken_off), done))
    resumed = TrainingLoader(reader(index, workers=1))
    resumed.load_state_dict(broken_off.state_dict())
    assert len(resumed) == len(broken_off) == 5
    rest = keys(iter(resumed))
    assert used + rest == first + (second if done == 5 else [])


def test_a_batch_in_flight_is_not_done(tmp_path: Path) -> None:
    index = write_set(tmp_path, [9])
    loader = TrainingLoader(reader(index), in_flight=lambda: 1)
    batches = iter(loader)
    next(batches)
    unused = keys(islice(batches, 1))
    resumed = TrainingLoader(reader(index))
    resumed.load_state_dict(loader.state_dict())
    assert keys(islice(iter(resumed), 1)) == unused


def test_more_ranks_go_on_with_what_fewer_left(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = write_set(tmp_path, [9, 3, 8, 12])
    one = TrainingLoader(reader(index))
    used = keys(islice(iter(one), 3))
    two = [TrainingLoader(reader(index, rank=rank, world=2)) for rank in (0, 1)]
    with caplog.at_level(logging.WARNING):
        for loader in two:
            loader.load_state_dict(one.state_dict())
    assert "goes on with 2 ranks × batches of 4 after 3 batches with 1 × 4: the 20 samples left" in caplog.text
    assert [len(loader) for loader in two] == [3 + 3, 3 + 3]
    rest = [keys(iter(loader)) for loader in two]
    assert sorted(used + rest[0] + rest[1]) == sorted(keys_of(index))
    again = TrainingLoader(reader(index))
    again.load_state_dict(two[0].state_dict())
    assert keys(iter(again)) == keys(TrainingLoader(reader(index))._reader.read(1)), "the epoch was over: the next one"


def test_a_state_of_other_data_is_refused(tmp_path: Path) -> None:
    state = TrainingLoader(reader(write_set(tmp_path / "a", [5]))).state_dict()
    with pytest.raises(DataError, match=r"in the middle of an epoch of other data \(shards \w{16}, now \w{16}\)"):
        TrainingLoader(reader(write_set(tmp_path / "b", [6]))).load_state_dict(state)


@pytest.mark.parametrize(
    "change",
    [{"phases": []}, {"phases": [{}]}, {"phases": 3}, {"phases": None}, {"epoch": "last"}, {"skipped": None}],
    ids=str,
)
def test_a_state_that_is_no_place_in_an_epoch_is_refused(tmp_path: Path, change: dict) -> None:
    loader = TrainingLoader(reader(write_set(tmp_path, [5])))
    state = loader.state_dict()
    wide = {**state, "phases": [{"reading": {"wings": 2}, "batches": 1}]}
    for broken in ({**state, **change}, wide):
        with pytest.raises(DataError, match="the checkpoint says no place in an epoch"):
            loader.load_state_dict(broken)
    with pytest.raises(DataError, match=r"other data \(shards None"):
        loader.load_state_dict({})


@pytest.mark.parametrize("workers", [0, 2])
def test_an_unreadable_sample_stops_with_its_name(tmp_path: Path, workers: int) -> None:
    index = write_set(tmp_path, [9, 3])
    (tmp_path / index.shards[1].name).unlink()
    with pytest.raises(DataError, match=r"/S1-000000\.tar: cannot be opened"):
        keys(iter(TrainingLoader(reader(index, workers))))


def test_skipping_counts_and_stops_above_the_limit(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = write_set(tmp_path, [30, 2])
    (tmp_path / index.shards[1].name).unlink()
    with caplog.at_level(logging.WARNING):
        got = keys(iter(TrainingLoader(reader(index, 2, on_error="skip", max_skipped=0.1))))
    assert len(set(got)) == len(got) == 30
    assert "epoch 0: rank 0 skipped 2 of S1-000000.tar" in caplog.text
    with pytest.raises(DataError, match=r"of 32 samples could not be read, more than data.max_skipped=0.01 allows"):
        keys(iter(TrainingLoader(reader(index, on_error="skip", max_skipped=0.01))))


def test_each_shard_is_told_with_its_own_cause(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    index = write_set(tmp_path, [9, 9, 30])
    (tmp_path / index.shards[0].name).unlink()
    (tmp_path / index.shards[1].name).write_bytes(b"")
    loader = TrainingLoader(reader(index, on_error="skip", max_skipped=1, batch_size=48))
    with caplog.at_level(logging.WARNING):
        keys(iter(loader))
    told = [message for message in caplog.messages if "skipped a sample" in message]
    assert sorted(message.split(" skipped a sample: ")[0] for message in told) == ["S0-000000.tar:", "S1-000000.tar:"]
    for message in told:
        shard, cause = message.split(" skipped a sample: ")
        assert f"/{shard}" in cause


@pytest.mark.parametrize("in_flight", [0, 1])
def test_what_was_skipped_counts_on_where_the_epoch_does(tmp_path: Path, in_flight: int) -> None:
    index = write_set(tmp_path, [4, 4, 4, 4, 84])
    for shard in index.shards[:4]:
        (tmp_path / shard.name).unlink()

    def requeued(allowed: float) -> TrainingLoader:
        """Three runs that use one batch each, with perhaps one more in flight, and one that reads the rest."""
        state = None
        for count, ahead in (*[(1, in_flight)] * 3, (2, 0)):
            made = reader(index, on_error="skip", max_skipped=allowed, batch_size=20)
            loader = TrainingLoader(made, lambda ahead=ahead: ahead)
            if state is not None:
                loader.load_state_dict(state)
            list(islice(iter(loader), count + ahead))
            state = loader.state_dict()
        return loader

    assert requeued(0.16).state_dict()["skipped"] == 16, "each once, though a batch in flight is read again"
    with pytest.raises(DataError, match=r"of 100 samples could not be read.*; all ranks \d+ before this run\)"):
        requeued(0.15)


def test_a_new_epoch_counts_from_nothing(tmp_path: Path) -> None:
    index = write_set(tmp_path, [30, 2])
    (tmp_path / index.shards[1].name).unlink()
    loader = TrainingLoader(reader(index, on_error="skip", max_skipped=2 / 32))
    for _ in range(3):
        keys(iter(loader))
        assert loader.state_dict()["skipped"] == 2


def test_a_shard_that_vanishes_while_it_is_read_is_read_to_its_end(tmp_path: Path) -> None:
    index = write_set(tmp_path, [30])
    batches = iter(TrainingLoader(reader(index)))
    first = keys(islice(batches, 1))
    (tmp_path / index.shards[0].name).unlink()
    assert sorted(first + keys(batches)) == sorted(keys_of(index))


def test_validation_is_in_order_each_time(tmp_path: Path) -> None:
    index = write_set(tmp_path, [5, 6])
    loader = Loader(reader(index))
    assert len(loader) == 3
    assert sorted(keys(iter(loader))) == sorted(keys(iter(loader))) == sorted(keys_of(index))


@pytest.mark.parametrize("workers", [0, 2])
def test_as_many_processes_read_as_are_asked(tmp_path: Path, workers: int) -> None:
    index, local = write_set(tmp_path / "set", [9, 3, 8]), LocalShards(tmp_path / "set")
    (tmp_path / "seen").mkdir()

    def open_shard(shard: Shard) -> BinaryIO:
        (tmp_path / "seen" / str(os.getpid())).touch()
        return local(shard)

    keys(iter(TrainingLoader(reader(index, workers, open_shard=open_shard))))
    seen = {int(path.name) for path in (tmp_path / "seen").iterdir()}
    assert len(seen - {os.getpid()}) == workers
    assert (os.getpid() in seen) == (workers == 0)
