"""The stream over real shards: workers change nothing, a place is one number, faults are named or counted."""

import random
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shards import keys_of, write_set

from past.base.errors import DataError
from past.data.shards.index import ShardIndex
from past.data.stream.plan import Phase, Reading
from past.data.stream.stream import RawBatch, plan_of, shard_stream


def read(index: ShardIndex, workers: int, **options) -> list[RawBatch]:
    """A rank's batches as torch's loader collects them: from its workers in turn."""
    streams = [
        shard_stream(index, worker=worker, workers=max(workers, 1), **options) for worker in range(max(workers, 1))
    ]
    batches: list[RawBatch] = []
    while streams:
        turn = [batch for stream in streams if (batch := next(stream, None)) is not None]
        batches += turn
        streams = streams if len(turn) == len(streams) else []
    return batches


def keys(batches: list[RawBatch]) -> list[list[str]]:
    return [[cell.key for cell in batch.samples] for batch in batches]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 12) | st.just(1), min_size=1, max_size=40),
    world=st.integers(1, 4),
    workers=st.integers(0, 3),
    batch_size=st.integers(2, 7),
    open_shards=st.integers(1, 4),
)
def test_every_cell_once_in_every_epoch(
    tmp_path: Path, sizes: list[int], world: int, workers: int, batch_size: int, open_shards: int
) -> None:
    index = write_set(tmp_path / str(random.getrandbits(64)), sizes)
    reading = Reading(world, batch_size, open_shards, buffer=20)
    if index.samples < world:
        with pytest.raises(DataError, match="use at most"):
            next(shard_stream(index, rank=0, seed=3, reading=reading))
        return
    epochs = []
    for epoch in (0, 1, 2):
        ranks = [keys(read(index, workers, rank=rank, seed=3, reading=reading, epoch=epoch)) for rank in range(world)]
        assert sorted(key for rank in ranks for batch in rank for key in batch) == sorted(keys_of(index))
        assert len({len(rank) for rank in ranks}) == 1
        again = [keys(read(index, 1, rank=rank, seed=3, reading=reading, epoch=epoch)) for rank in range(world)]
        assert again == ranks, "the same call, whatever the number of workers, gives the same order"
        epochs.append(ranks)
    if index.samples > 12 * world:
        assert epochs[0] != epochs[1] != epochs[2] != epochs[0]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_place_is_one_number(tmp_path: Path, workers: int) -> None:
    index = write_set(tmp_path, [9, 4, 1, 14, 6])
    options = {"rank": 1, "seed": 5, "reading": Reading(2, 3, open_shards=2, buffer=8), "epoch": 4}
    whole = keys(read(index, 1, **options))
    for position in range(len(whole) + 1):
        assert keys(read(index, workers, position=position, **options)) == whole[position:]


def test_another_number_of_ranks_goes_on_with_what_is_left(tmp_path: Path) -> None:
    index = write_set(tmp_path, [9, 4, 1, 14, 6])
    old, new = Reading(2, 3, open_shards=2, buffer=8), Reading(3, 4, open_shards=3, buffer=8)
    done = [key for rank in (0, 1) for b in read(index, 1, rank=rank, seed=5, reading=old)[:3] for key in keys([b])[0]]
    before = (Phase(old, 3),)
    rest = [
        key
        for rank in range(3)
        for batch in keys(read(index, 2, rank=rank, seed=5, reading=new, before=before))
        for key in batch
    ]
    assert 0 < len(done) < index.samples
    assert sorted(done + rest) == sorted(keys_of(index))


def test_a_resume_opens_only_the_shards_it_needs(tmp_path: Path) -> None:
    index = write_set(tmp_path, [5] * 8)
    options = {"rank": 0, "seed": 0, "reading": Reading(1, 5, shuffle=False)}
    for shard in index.shards[:6]:
        (tmp_path / shard.name).unlink()
    assert len(read(index, 1, position=6, **options)) == 2
    with pytest.raises(DataError, match=r"S0-000000.tar: cannot be opened \(No such file or directory\)"):
        read(index, 1, **options)


def test_skipping_reads_headers_only(tmp_path: Path) -> None:
    index = write_set(tmp_path, [6])
    shard = tmp_path / index.shards[0].name
    content = bytearray(shard.read_bytes())
    start = content.index(b"PK")
    content[start : start + 40] = bytes(40)  # the first sample's arrays are ruined
    shard.write_bytes(content)
    options = {"rank": 0, "seed": 0, "reading": Reading(1, 1, shuffle=False)}
    assert len(read(index, 1, position=1, **options)) == 5
    with pytest.raises(DataError, match=r"S0-000000.tar: sample S0_0000000: the npz"):
        read(index, 1, **options)


def test_skipped_samples_are_counted_and_batch_counts_stay_equal(tmp_path: Path) -> None:
    index = write_set(tmp_path, [10, 10, 10])
    cut = tmp_path / index.shards[1].name
    cut.write_bytes(cut.read_bytes()[:9_000])
    (tmp_path / index.shards[2].name).unlink()
    reading = Reading(2, 4, open_shards=3, buffer=20)
    lost: Counter[str] = Counter()
    got: list[str] = []
    for rank in (0, 1):
        batches = read(index, 2, rank=rank, seed=1, reading=reading, on_error="skip")
        assert len(batches) == plan_of(index, rank=rank, seed=1, epoch=0, reading=reading).batches
        for batch in batches:
            lost.update(batch.faults.skipped)
            got += [cell.key for cell in batch.samples]
    assert lost["S2-000000.tar"] == 10
    assert 0 < lost["S1-000000.tar"] < 10
    assert len(got) == len(set(got)) == 30 - lost.total()


def test_a_shard_of_another_section_is_refused(tmp_path: Path) -> None:
    index = write_set(tmp_path, [3, 3])
    (tmp_path / index.shards[0].name).write_bytes((tmp_path / index.shards[1].name).read_bytes())
    with pytest.raises(DataError, match=r"it is of section 'S1', its index says 'S0'"):
        read(index, 1, rank=0, seed=0, reading=Reading(shuffle=False))


def test_a_shard_shorter_than_its_index_says_is_named(tmp_path: Path) -> None:
    index = write_set(tmp_path, [3])
    longer = ShardIndex.from_json(index.to_json().replace('"samples": 3', '"samples": 4'), str(tmp_path))
    with pytest.raises(DataError, match=r"S0-000000.tar: ends after 3 samples; its index counts 4"):
        read(longer, 1, rank=0, seed=0, reading=Reading(shuffle=False))
