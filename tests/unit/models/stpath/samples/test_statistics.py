"""What training slides are like, and which genes they know."""

from pathlib import Path

import numpy as np
import pytest
from data_modules import slide_data, small_slides
from slide_shards import GENES, TOLD, WIDTH, write_slides

from past.data.shards.slides import SlideSet
from past.models.stpath.samples import slides as slide_datamodule
from past.models.stpath.samples import statistics as slide_statistics
from past.models.stpath.samples.statistics import known_genes
from past.models.stpath.vocabulary import RESERVED


def test_statistics_are_those_of_the_training_slides(root: Path) -> None:
    data = small_slides(root, val=["B", "C"])
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
    apart, other = small_slides(root, val=["C"]), small_slides(root, val=["A", "C"], train=["B"])
    assert apart.samples.statistics.mean.tolist() != other.samples.statistics.mean.tolist()
