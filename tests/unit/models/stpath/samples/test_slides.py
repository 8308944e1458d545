"""STPath's data: genes from the training slides alone, examples that follow from the seed, resumed where they were."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from data_modules import slide_data, small_slides
from slide_shards import GENES, TOLD

from past.base.errors import CheckpointError, ConfigError, DataError
from past.data.stream.loader import TrainingLoader
from past.models.stpath.batch import SlideBatch
from past.models.stpath.vocabulary import MASK


def alike(one: SlideBatch, other: SlideBatch) -> bool:
    return one.lengths == other.lengths and all(
        torch.equal(a, b)
        for a, b in (
            (one.features, other.features),
            (one.expression.values, other.expression.values),
            (one.technology, other.technology),
            (one.scored[0].spots, other.scored[0].spots),
        )
    )


def test_an_epoch_has_every_slide_as_often_as_asked_and_each_example_anew(root: Path) -> None:
    data = small_slides(root, rounds=2)
    assert data.batches_per_epoch == 3
    loader = data.train_dataloader()
    first, second = list(loader), list(loader)
    assert [len(batch.lengths) for batch in first] == [2, 2, 2]
    assert not any(alike(one, other) for one, other in zip(first, second, strict=True))
    assert all(
        alike(one, other) for one, other in zip(first, small_slides(root, rounds=2).train_dataloader(), strict=True)
    )
    assert not alike(first[0], next(iter(small_slides(root, rounds=2, seed=1).train_dataloader())))
    masked = torch.cat([batch.expression.genes for batch in first]) == MASK
    assert masked.any()


def test_a_resume_goes_on_with_the_very_examples(root: Path) -> None:
    whole = list(small_slides(root, rounds=4).train_dataloader())
    stopped = small_slides(root, rounds=4)
    loader = stopped.train_dataloader()
    batches = iter(loader)
    used = [next(batches) for _ in range(2)]
    loader._in_flight = lambda: 0  # no trainer asks here
    state = loader.state_dict()
    again = small_slides(root, rounds=4)
    again.load_state_dict(state)
    again._training = TrainingLoader(again._reader(again.samples.epoch(), training=True))
    rest = list(again.train_dataloader())
    assert len(used) + len(rest) == len(whole)
    assert all(alike(one, other) for one, other in zip([*used, *rest], whole, strict=True))


def test_validation_scores_a_slide_with_nothing_and_with_some_of_it_told(root: Path) -> None:
    data = small_slides(root, val=["B1", "C1"], context=0.25, batch_size=1)
    batches = list(data.val_dataloader())
    assert len(batches) == 2
    (batch, again) = batches[0], next(iter(data.val_dataloader()))
    assert alike(batch, again)
    assert batch.lengths == (64, 64)
    alone, context = batch.scored
    assert torch.equal(alone.spots + 64, context.spots)
    assert len(alone.spots) == 48
    assert torch.equal(alone.values, context.values)
    told = batch.expression.offsets.diff() > 1
    assert told[:64].sum() == 0
    assert told[64:].sum() == 16
    assert not set((told[64:].nonzero()[:, 0]).tolist()) & set(alone.spots.tolist())
    ranked = data.samples.tokens_of[data.samples.statistics.by_variance()]
    assert alone.genes.tolist() == ranked.tolist()


def test_vocabularies(root: Path, tmp_path: Path) -> None:
    variable = small_slides(root, vocabulary="variable:3")
    assert set(variable.samples.gene_names) < set(GENES[:TOLD])
    (tmp_path / "genes.json").write_text(json.dumps({"G1": "E1", "G2": "E1", "other": "E2"}))
    released = small_slides(root, vocabulary=str(tmp_path / "genes.json"))
    assert released.samples.gene_names == ("E1", "E2")
    assert released.samples.tokens_of[:3].tolist() == [-1, 2, 2]
    assert released.description()["tokenizer"]["symbols"]["other"] == "E2"
    with pytest.raises(CheckpointError, match=r"run: its vocabulary is \w+, the data's is"):
        released.samples.require_same(variable.samples.tokenizer_state, "run")
    (tmp_path / "genes.json").write_text(json.dumps({"other": "E2"}))
    with pytest.raises(DataError, match="none of the 12 genes"):
        _ = small_slides(root, vocabulary=str(tmp_path / "genes.json")).samples.tokens_of


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rounds": 0}, "data.samples.rounds=0"),
        ({"context": 1.0}, "data.samples.context=1.0"),
        ({"image_dropout": 2.0}, "data.samples.image_dropout=2.0"),
        ({"vocabulary": "variable:0"}, "data.samples.vocabulary=variable:0: give a number of genes, from 1 to 12"),
        ({"vocabulary": "all"}, "data.samples.vocabulary=all: use shards"),
    ],
)
def test_settings_that_cannot_work_are_named(root: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _ = small_slides(root, **wrong).samples.vocabulary


def test_a_set_of_cells_is_refused(tmp_path: Path) -> None:
    from shards import write_set

    write_set(tmp_path / "cells", [3, 3, 3])
    with pytest.raises(DataError, match="holds cells, not slides"):
        _ = slide_data(str(tmp_path / "cells"), val=["P1"]).samples.vocabulary
