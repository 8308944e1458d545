"""Every section's stain is measured on its own crops."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from data_modules import cell_data
from planted import SIDE, Slice, write_planted
from shards import members, tar_of, write_set

from past.base.errors import DataError
from past.base.stain import MEAN, SPREAD
from past.data.shards.index import ShardIndex
from past.models.past.batch import CellBatch
from past.models.past.samples.stain import stain_tables
from past.nn.colour import optical_density

PALE, DARK = Slice("S0", "A", cells=12, stain=3), Slice("S1", "B", cells=12)


@pytest.fixture
def index(tmp_path: Path) -> ShardIndex:
    return write_planted(tmp_path / "set", [PALE, DARK])


def mean_and_spread(crops: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Of optical density over all pixels of a channel, (3, 1) each."""
    density = optical_density(crops).transpose(0, 1).flatten(1).numpy()
    return density.mean(axis=1, keepdims=True), density.std(axis=1, keepdims=True)


def test_every_section_of_the_index_has_a_table_of_its_own(index: ShardIndex) -> None:
    tables = stain_tables(index)
    assert set(tables) == {"S0", "S1"}
    assert not np.array_equal(tables["S0"], tables["S1"])
    np.testing.assert_array_equal(stain_tables(index.select(sections=["S1"]))["S1"], tables["S1"])
    few = stain_tables(index, crops=3)
    assert not np.array_equal(few["S0"], tables["S0"])
    empty = replace(index.shards[0], name="S0-000001.tar", samples=0)
    again = stain_tables(replace(index, shards=(*index.shards, empty)))  # a section may have a shard without cells
    np.testing.assert_array_equal(again["S0"], tables["S0"])


def test_a_crop_that_cannot_be_read_is_named_or_skipped(tmp_path: Path) -> None:
    good = members(0)
    broken = members(1)
    broken["S0_0000001.png"] = broken["S0_0000001.png"][:60]
    index = write_set(tmp_path, [2])
    (tmp_path / index.shards[0].name).write_bytes(tar_of({**good, **broken}))
    with pytest.raises(DataError, match=r"S0-000000.tar: sample S0_0000001: "):
        stain_tables(index)
    alone = write_set(tmp_path / "alone", [1])
    np.testing.assert_array_equal(stain_tables(index, on_error="skip")["S0"], stain_tables(alone)["S0"])
    nothing = {name: body[:60] if name.endswith("png") else body for name, body in good.items()}
    (tmp_path / index.shards[0].name).write_bytes(tar_of({**nothing, **broken}))
    with pytest.raises(DataError, match=r"S0: no crop of it can be read"):
        stain_tables(index, on_error="skip")


def sampled(root: str, normalise_stain: bool) -> dict[str, CellBatch]:
    """The plain sample of each section's cells, the other validating."""
    found = {}
    for section, other in (("S0", "S1"), ("S1", "S0")):
        data = cell_data(root, val=[other], neighbours=2, context=8, normalise_stain=normalise_stain)
        (found[section],) = data.samples.for_fitting()
    return found


def test_sections_of_different_stain_end_alike(index: ShardIndex) -> None:
    raw, normalised = sampled(index.root, False), sampled(index.root, True)
    assert raw["S0"].crops.shape == (12, 3, SIDE, SIDE)
    apart = mean_and_spread(raw["S0"].crops)[0] - mean_and_spread(raw["S1"].crops)[0]
    assert (apart < -0.3).all()
    for batch in normalised.values():
        mean, spread = mean_and_spread(batch.crops)
        np.testing.assert_allclose(mean, MEAN, atol=0.01)
        np.testing.assert_allclose(spread, SPREAD, atol=0.02)
    assert torch.equal(normalised["S0"].tokens, raw["S0"].tokens)


def test_validation_crops_are_normalised_by_their_own_section(index: ShardIndex) -> None:
    data = cell_data(index.root, val=["S1"], num_workers=0, neighbours=2, context=8, normalise_stain=True)
    data.setup("validate")
    crops = torch.cat([batch.crops for batch in data.val_dataloader()])
    assert torch.equal(crops, sampled(index.root, True)["S1"].crops)


def test_a_sample_is_of_the_training_cells_and_always_the_same(index: ShardIndex) -> None:
    data = cell_data(index.root, val=["S1"], neighbours=2, context=8)
    batches = data.samples.for_fitting(cells=6, batch=4)
    assert [len(batch) for batch in batches] == [4, 2]
    assert [key for batch in batches for key in batch.keys] == [f"S0_{i:07d}" for i in (0, 2, 4, 6, 8, 10)]
