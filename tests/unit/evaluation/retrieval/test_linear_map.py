from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import torch
from planted import Slice, write_planted

from past.base.errors import DataError
from past.data.shards.entries import Shard
from past.data.shards.images import decode
from past.evaluation.retrieval.linear_map import LinearMatch, linear_matcher
from past.evaluation.statistics.recall import chance_at, pool_sizes, ranks_within_pools, recall_at

SECTIONS = [Slice("S0", "A"), Slice("S1", "B"), Slice("S2", "C", cells=50)]


def matched(root: Path, sections: list[Slice], linked: bool = True, limit: int = 20_000) -> LinearMatch:
    index = write_planted(root, sections, linked)
    return linear_matcher(index.select(patients=["A", "B"]), index.select(patients=["C"]), limit)


def recall_at_5(found: LinearMatch) -> float:
    return recall_at(ranks_within_pools(found.images, found.cells, torch.zeros(len(found.keys))), 5)


def test_it_finds_a_link_that_is_there_and_none_that_is_not(tmp_path: Path) -> None:
    linked, unlinked = matched(tmp_path / "a", SECTIONS), matched(tmp_path / "b", SECTIONS, linked=False)
    chance = chance_at(pool_sizes(torch.zeros(50)), 5)
    assert chance == pytest.approx(0.1)
    assert recall_at_5(linked) > 0.5
    assert recall_at_5(unlinked) < 0.25
    assert linked.keys == [f"S2_{i:07d}" for i in range(50)]
    assert linked.places.shape == (50, 2)
    assert len(np.unique(linked.places, axis=0)) == 50
    for side in (linked.images, linked.cells):
        assert side.shape == (50, 20)
        torch.testing.assert_close(side.norm(dim=1), torch.ones(50))


def test_a_sections_stain_and_depth_change_nothing(tmp_path: Path) -> None:
    plain = matched(tmp_path / "plain", SECTIONS)
    shifted = matched(
        tmp_path / "shifted",
        [Slice("S0", "A", stain=3, depth=4), Slice("S1", "B"), Slice("S2", "C", cells=50, stain=2, depth=9)],
    )
    np.testing.assert_allclose(shifted.images, plain.images, atol=1e-4)
    np.testing.assert_allclose(shifted.cells, plain.cells, atol=1e-4)


def test_the_limit_thins_the_training_cells_evenly(tmp_path: Path) -> None:
    everything = matched(tmp_path, SECTIONS, limit=80)
    half = matched(tmp_path, SECTIONS, limit=40)
    assert recall_at_5(half) > 0.4
    assert half.keys == everything.keys
    assert not torch.allclose(half.images, everything.images)


def test_only_the_sample_of_the_training_cells_is_read(tmp_path: Path) -> None:
    index = write_planted(tmp_path, [Slice(f"S{i}", "A", cells=3) for i in range(70)] + [Slice("V", "C")])
    opened: list[str] = []

    def open_shard(shard: Shard) -> BinaryIO:
        opened.append(shard.name)
        return (tmp_path / shard.name).open("rb")

    linear_matcher(index.select(patients=["A"]), index.select(patients=["C"]), 80, open_shard)
    assert len(opened) == 65


def test_broken_crops_are_named_or_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = write_planted(tmp_path, SECTIONS)
    train, val = index.select(patients=["A", "B"]), index.select(patients=["C"])
    images: list[bytes] = []

    def failing(content: bytes, side: int | None = None) -> torch.Tensor:
        images.append(content)
        if len(images) in (4, 82):  # the fourth training cell and the second to be judged
            raise DataError("its image does not decode: damaged")
        return decode(content, side)

    monkeypatch.setattr("past.evaluation.retrieval.linear_map.decode", failing)
    found = linear_matcher(train, val, on_error="skip")
    assert found.keys == [f"S2_{i:07d}" for i in range(50) if i != 1]
    images.clear()
    with pytest.raises(DataError, match=r"S0-000000.tar: sample S0_0000003: its image does not decode"):
        linear_matcher(train, val)


def test_shards_that_are_gone_are_passed_over(tmp_path: Path) -> None:
    index = write_planted(tmp_path, [*SECTIONS, Slice("S3", "C")])
    for name in ("S1", "S3"):
        (tmp_path / f"{name}-000000.tar").unlink()
    train, val = index.select(patients=["A", "B"]), index.select(patients=["C"])
    assert len(linear_matcher(train, val, on_error="skip").keys) == 50
    with pytest.raises(DataError, match="no cell that can be read"):
        linear_matcher(train, index.select(sections=["S3"]), on_error="skip")


def test_fewer_training_cells_than_components_is_no_error(tmp_path: Path) -> None:
    found = matched(tmp_path, [Slice("S0", "A", cells=4), Slice("S1", "B", cells=3), Slice("S2", "C", cells=5)])
    assert found.images.shape == found.cells.shape == (5, 7)
