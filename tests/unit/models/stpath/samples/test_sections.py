"""A section of cell shards as one sample of a slide shard: each crop through the encoder, places in its pixels."""

from pathlib import Path

import numpy as np
import pytest
from shards import GENES, SIDE, a_record, write_set

from past.base.errors import DataError
from past.data.shards.index import ShardIndex
from past.models.stpath.samples.sections import ShardedSource, SlideSource


def mean_colour(crops: np.ndarray) -> np.ndarray:
    return crops.mean(axis=(1, 2))


@pytest.fixture
def index(tmp_path: Path) -> ShardIndex:
    """One section, S0, of five cells whose crops are stored without loss."""
    written = write_set(tmp_path, [5])
    about = {"patient": "P0", "organ": "breast", "technology": "Xenium", "species": "Homo sapiens"}
    return ShardIndex(written.genes, written.shards, written.settings, {"S0": about}, written.root)


def test_a_section_becomes_one_record(index: ShardIndex) -> None:
    section = SlideSource(ShardedSource(index, "S0"), mean_colour, "mean colour").open(index.genes)
    section.check()
    assert len(section) == 1
    (record,) = section.records(px=SIDE, mpp=0.5, neighbours=2)
    cells = [a_record(number) for number in range(5)]
    assert record.key == "S0_0000000"
    np.testing.assert_allclose(record.features, [cell.crop.mean(axis=(0, 1)) for cell in cells], rtol=1e-3)
    np.testing.assert_allclose(record.coords, [cell.positions[0] / 0.5 for cell in cells], rtol=1e-5)
    for number, cell in enumerate(cells):  # a spot's own counts; its neighbours' are left out
        own = slice(record.offsets[number], record.offsets[number + 1])
        assert record.genes[own].tolist() == cell.genes[: cell.offsets[1]].tolist()
        assert record.counts[own].tolist() == cell.counts[: cell.offsets[1]].tolist()
    assert record.meta["spots"] == [f"cell {number}" for number in range(5)]
    assert (record.meta["encoder"], record.meta["mpp"]) == ("mean colour", 0.5)
    assert list(section.records(px=SIDE, mpp=0.5, neighbours=2, start=1)) == []  # it is written already
    assert len(GENES) > max(record.genes)


def test_an_organ_that_stpath_does_not_know_is_named_with_its_section(index: ShardIndex) -> None:
    section = SlideSource(ShardedSource(index, "S0"), mean_colour, "mean colour", organ="antenna").open(index.genes)
    with pytest.raises(DataError, match=r"S0: organ 'antenna' is not in STPath's vocabulary"):
        section.check()
