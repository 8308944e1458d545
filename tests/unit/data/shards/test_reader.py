"""The reader of one shard: wanted samples in any order, each read once, faults in their place."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from shards import members, tar_of, write_set

from past.base.errors import DataError
from past.data.shards.entries import Shard
from past.data.shards.index import ShardIndex
from past.data.shards.reader import Faults, LocalShards, ShardReader


@pytest.fixture
def index(tmp_path: Path) -> ShardIndex:
    return write_set(tmp_path, [6, 3])


def reader_of(index: ShardIndex, *wanted: int, shard: Shard | None = None) -> ShardReader:
    return ShardReader(LocalShards(index.root), shard or index.shards[0], index, np.array(wanted))


def test_samples_are_given_in_any_order(index: ShardIndex) -> None:
    with closing(reader_of(index, 5, 1, 4)) as reader:
        assert [reader.take(place).key for place in (4, 1, 5)] == ["S0_0000004", "S0_0000001", "S0_0000005"]


def test_a_shard_is_opened_when_a_sample_is_asked_for_and_closed_in_the_end(index: ShardIndex) -> None:
    opened: list[BinaryIO] = []
    local = LocalShards(index.root)

    def open_shard(shard: Shard) -> BinaryIO:
        opened.append(local(shard))
        return opened[-1]

    reader = ShardReader(open_shard, index.shards[0], index, np.array([2, 0]))
    assert opened == []
    reader.take(0)
    reader.take(2)
    assert [file.closed for file in opened] == [False]
    reader.close()
    assert [file.closed for file in opened] == [True]
    reader.close()


def test_a_broken_sample_is_given_as_its_fault_and_the_next_one_is_read(index: ShardIndex) -> None:
    contents = {**members(0), **members(1), **members(2)}
    contents["S0_0000001.json"] = b"{"
    Path(index.root, "S0-000000.tar").write_bytes(tar_of(contents).ljust(index.shards[0].bytes, b"\0"))
    with closing(reader_of(index, 0, 1, 2, 3, 4)) as reader:
        found = [reader.take(place) for place in range(5)]
    assert [getattr(sample, "key", None) for sample in found] == ["S0_0000000", None, "S0_0000002", None, None]
    assert isinstance(found[1], DataError)
    assert str(found[1]).startswith("S0-000000.tar: sample S0_0000001: its description: not ")
    assert str(found[3]) == str(found[4]) == "S0-000000.tar: ends after 3 samples; its index counts 6"


def test_a_shard_that_is_gone_is_the_fault_of_each_of_its_samples(index: ShardIndex) -> None:
    Path(index.root, "S0-000000.tar").unlink()
    with closing(reader_of(index, 0, 1)) as reader:
        faults = [reader.take(0), reader.take(1)]
    told = f"{index.root}/S0-000000.tar: cannot be opened (No such file or directory): restore it, or make it again"
    assert list(map(str, faults)) == [told, told]


def test_a_shard_of_another_size_is_found_out(index: ShardIndex) -> None:
    path, shard = Path(index.root, "S0-000000.tar"), index.shards[0]
    for other in (tar_of(members(0)), path.read_bytes() + bytes(512)):
        path.write_bytes(other)
        told = rf"S0-000000.tar: {len(other):,} bytes, the index says {shard.bytes:,}: it was exchanged; restore it"
        with pytest.raises(DataError, match=told):
            LocalShards(index.root)(shard)


def test_a_shard_of_another_section_is_found_out(index: ShardIndex) -> None:
    exchanged = replace(index.shards[1], name="S0-000000.tar", bytes=index.shards[0].bytes)
    with closing(reader_of(index, 0, shard=exchanged)) as reader:
        assert "it is of section 'S0', its index says 'S1': the shard was exchanged" in str(reader.take(0))


def test_faults_are_counted_by_shard_and_the_first_is_told() -> None:
    faults = Faults()
    assert faults.first is None
    for shard, text in (("B", "one"), ("A", "two"), ("B", "three")):
        faults.add(shard, DataError(text))
    assert faults.skipped == {"B": 2, "A": 1}
    assert faults.causes == {"B": "one", "A": "two"}
    assert faults.first == "one"
