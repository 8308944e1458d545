"""STPath's data: genes from the training slides alone, examples that follow from the seed, resumed where they were."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from data_modules import slide_data
from slide_shards import GENES, TOLD, WIDTH, slide, write_slides

from past.base.errors import CheckpointError, ConfigError, DataError
from past.data.shards.slides import SlideSet, raw_counts
from past.data.stream.datamodule import DataModule
from past.data.stream.loader import TrainingLoader
from past.models.stpath.batch import SlideBatch
from past.models.stpath.samples import slides as slide_datamodule
from past.models.stpath.samples import statistics as slide_statistics
from past.models.stpath.samples.examples import read_slide
from past.models.stpath.samples.masking import Masking
from past.models.stpath.samples.statistics import known_genes
from past.models.stpath.vocabulary import MASK, PADDING, RESERVED

SMALL = Masking(patch=(20, 64), variable_genes=5)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slides(tmp_path_factory.mktemp("slides") / "set")


def module(root: Path, **options: Any) -> DataModule:
    settings = {"val": ["C"], "num_workers": 0, "masking": SMALL}
    data = slide_data(str(root), **{**settings, **options})
    data.setup("fit")
    return data


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


def test_statistics_are_those_of_the_training_slides(root: Path) -> None:
    data = module(root, val=["B", "C"])
    slides = SlideSet.open(root)
    trained = [slides.get(name) for name in ("A1", "A2")]
    logged = np.log1p(np.concatenate([slides.counts(one).toarray() for one in trained]))
    features = np.concatenate([one.features for one in trained]).astype(np.float64)
    np.testing.assert_allclose(data.samples.statistics.mean, logged.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(data.samples.statistics.variance, logged.var(axis=0), rtol=1e-6)
    start = data.samples.for_fitting()
    np.testing.assert_allclose(start.feature_mean, features.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(start.feature_std, features.std(axis=0), rtol=1e-5)
    order = data.samples.statistics.by_variance()
    assert set(order[:TOLD].tolist()) == set(range(TOLD))
    assert list(logged.var(axis=0)[order]) == sorted(logged.var(axis=0), reverse=True)
    np.testing.assert_allclose(start.expression[data.samples.tokens_of], data.samples.statistics.mean, rtol=1e-6)
    assert start.expression[:RESERVED].tolist() == [0, 0]


def test_every_slide_has_a_say_in_the_genes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slides = SlideSet.open(write_slides(tmp_path / "set"))
    counts = [np.bincount(slide.genes, slide.counts, len(GENES)) for slide in slides]
    monkeypatch.setattr(slide_statistics, "SLIDES", 1)  # means are of fewer
    least = float(np.sort(np.max(counts, axis=0))[3])
    monkeypatch.setattr(slide_statistics, "LEAST", least)
    np.testing.assert_array_equal(known_genes(slides), np.max(counts, axis=0) >= least)
    assert 0 < known_genes(slides).sum() < len(GENES)


def test_a_held_out_slide_has_no_say_in_the_genes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_slides(tmp_path / "set")
    asked: list[str] = []

    def all_but_the_first(slides: SlideSet) -> np.ndarray:  # as if gene 0 were found in C1 alone
        asked.extend(slides.sections)
        return np.arange(len(GENES)) != 0

    monkeypatch.setattr(slide_datamodule, "known_genes", all_but_the_first)
    whole = slide_data(str(root), val=["C"])
    assert set(GENES) - set(whole.samples.vocabulary.ids) == {"G0"}
    assert whole.samples.tokens_of[0] == -1
    assert whole.samples.model_sizes == {"tokens": len(GENES) + 1, "features": WIDTH}
    assert set(asked) == set(SlideSet.open(root).sections) - {"C1"}
    apart, other = module(root, val=["C"]), module(root, val=["A", "C"], train=["B"])
    assert apart.samples.statistics.mean.tolist() != other.samples.statistics.mean.tolist()


def test_a_slide_is_read_over_the_vocabulary() -> None:
    record = slide("A1", 64, seed=0)
    tokens_of = np.full(len(GENES), -1)
    tokens_of[[0, 1, 2, 5]] = [2, 3, 3, 4]  # two names of one token are summed
    counts = raw_counts(record, len(GENES)).toarray()
    found = read_slide(record, tokens_of, 5, variable=2)
    expected = np.stack([counts[:, 0], counts[:, 1] + counts[:, 2], counts[:, 5]], axis=1)
    np.testing.assert_allclose(found.expression[:, 2:].toarray(), np.log1p(expected), rtol=1e-6)
    assert (found.technology, found.organ) == (PADDING, 5)
    assert found.coords.max() == pytest.approx(100)
    rare = replace(record, counts=np.where(record.genes == 5, 0, record.counts))
    rare.counts[np.flatnonzero(record.genes == 5)[:2]] = 1  # two counts in all
    assert read_slide(rare, tokens_of, 5, variable=2).expression[:, 4].nnz == 0


def test_an_epoch_has_every_slide_as_often_as_asked_and_each_example_anew(root: Path) -> None:
    data = module(root, rounds=2)
    assert data.batches_per_epoch == 3
    loader = data.train_dataloader()
    first, second = list(loader), list(loader)
    assert [len(batch.lengths) for batch in first] == [2, 2, 2]
    assert not any(alike(one, other) for one, other in zip(first, second, strict=True))
    assert all(alike(one, other) for one, other in zip(first, module(root, rounds=2).train_dataloader(), strict=True))
    assert not alike(first[0], next(iter(module(root, rounds=2, seed=1).train_dataloader())))
    masked = torch.cat([batch.expression.genes for batch in first]) == MASK
    assert masked.any()


def test_images_are_hidden_behind_the_training_mean(root: Path) -> None:
    data = module(root, rounds=8, image_dropout=1.0)
    mean = torch.from_numpy(data.samples.statistics.feature_mean.astype(np.float16))
    shares = [float((batch.features == mean).all(dim=1).float().mean()) for batch in data.train_dataloader()]
    assert 0.3 < np.mean(shares) < 0.7
    assert np.ptp(shares) > 0.2  # another share in every example
    plain = next(iter(module(root).train_dataloader()))
    assert not (plain.features == mean).all(dim=1).any()


def test_a_resume_goes_on_with_the_very_examples(root: Path) -> None:
    whole = list(module(root, rounds=4).train_dataloader())
    stopped = module(root, rounds=4)
    loader = stopped.train_dataloader()
    batches = iter(loader)
    used = [next(batches) for _ in range(2)]
    loader._in_flight = lambda: 0  # no trainer asks here
    state = loader.state_dict()
    again = module(root, rounds=4)
    again.load_state_dict(state)
    again._training = TrainingLoader(again._feed(again.samples.epoch(), training=True))
    rest = list(again.train_dataloader())
    assert len(used) + len(rest) == len(whole)
    assert all(alike(one, other) for one, other in zip([*used, *rest], whole, strict=True))


def test_validation_scores_a_slide_with_nothing_and_with_some_of_it_told(root: Path) -> None:
    data = module(root, val=["B1", "C1"], context=0.25, batch_size=1)
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
    variable = module(root, vocabulary="variable:3")
    assert set(variable.samples.gene_names) < set(GENES[:TOLD])
    (tmp_path / "genes.json").write_text(json.dumps({"G1": "E1", "G2": "E1", "other": "E2"}))
    released = module(root, vocabulary=str(tmp_path / "genes.json"))
    assert released.samples.gene_names == ("E1", "E2")
    assert released.samples.tokens_of[:3].tolist() == [-1, 2, 2]
    assert released.description()["tokenizer"]["symbols"]["other"] == "E2"
    with pytest.raises(CheckpointError, match=r"run: its vocabulary is \w+, the data's is"):
        released.samples.require_same(variable.samples.tokenizer_state, "run")
    (tmp_path / "genes.json").write_text(json.dumps({"other": "E2"}))
    with pytest.raises(DataError, match="none of the 12 genes"):
        _ = module(root, vocabulary=str(tmp_path / "genes.json")).samples.tokens_of


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rounds": 0}, "data.samples.rounds=0"),
        ({"context": 1.0}, "data.samples.context=1.0"),
        ({"image_dropout": 2.0}, "data.samples.image_dropout=2.0"),
        ({"vocabulary": "variable:99"}, "data.samples.vocabulary=variable:99: give a number of genes, from 1 to 12"),
        ({"vocabulary": "all"}, "data.samples.vocabulary=all: use shards"),
    ],
)
def test_settings_that_cannot_work_are_named(root: Path, wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _ = module(root, **wrong).samples.vocabulary


def test_a_set_of_cells_is_refused(tmp_path: Path) -> None:
    from shards import write_set

    write_set(tmp_path / "cells", [3, 3, 3])
    with pytest.raises(DataError, match="holds cells, not slides"):
        _ = slide_data(str(tmp_path / "cells"), val=["P1"]).samples.vocabulary
