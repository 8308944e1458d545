"""A sample of a set's cells: evenly spread, the same every time, of few shards."""

from pathlib import Path

import pytest
from shards import members, tar_of, write_set

from past.base.errors import DataError
from past.data.shards.entries import Shard
from past.data.shards.reader import LocalShards
from past.data.stream.sampling import MOST_SHARDS, broken_sections, sample_cells


def numbers(cells) -> list[tuple[str, int]]:
    return [(cell.key.split("_")[0], int(cell.key.split("_")[1])) for cell in cells]


def test_each_shard_gives_its_share_evenly_spread(tmp_path: Path) -> None:
    index = write_set(tmp_path, [12, 6, 0, 2])
    expected = [("S0", 0), ("S0", 2), ("S0", 4), ("S0", 6), ("S0", 8), ("S0", 10), ("S1", 0), ("S1", 2), ("S1", 4)]
    assert numbers(sample_cells(index, 10)) == [*expected, ("S3", 0)]
    assert numbers(sample_cells(index, 10)) == [*expected, ("S3", 0)]
    assert len(numbers(sample_cells(index, 1_000))) == index.samples
    assert numbers(sample_cells(index, 1)) == [("S0", 0), ("S1", 0), ("S3", 0)]  # one of each at least


def test_of_many_shards_few_are_opened(tmp_path: Path) -> None:
    index = write_set(tmp_path, [1] * (MOST_SHARDS + 16))
    opened: list[str] = []
    local = LocalShards(index.root)

    def open_shard(shard: Shard):
        opened.append(shard.name)
        return local(shard)

    cells = numbers(sample_cells(index, 10_000, open_shard))
    assert len(cells) == len(opened) == len(set(opened)) == MOST_SHARDS
    assert [int(section[1:]) for section, _ in cells] == [i * (MOST_SHARDS + 16) // MOST_SHARDS for i in range(64)]


def test_a_broken_sample_is_raised_or_passed_over(tmp_path: Path) -> None:
    index = write_set(tmp_path, [3])
    contents = {**members(0), **members(1), **members(2)}
    contents["S0_0000001.json"] = b"{"
    (tmp_path / "S0-000000.tar").write_bytes(tar_of(contents))
    with pytest.raises(DataError, match="sample S0_0000001"):
        list(sample_cells(index, 3))
    assert numbers(sample_cells(index, 3, on_error="skip")) == [("S0", 0), ("S0", 2)]


def test_a_section_with_a_broken_cell_is_named_with_it(tmp_path: Path) -> None:
    index = write_set(tmp_path, [3, 2, 1])
    assert broken_sections(index) == {}
    broken = index.shards[1]
    content = (tmp_path / broken.name).read_bytes()
    (tmp_path / broken.name).write_bytes(content[: len(content) // 2])
    found = broken_sections(index)
    assert list(found) == [broken.section]
    assert broken.name in found[broken.section]
