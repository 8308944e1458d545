"""Whole slides predicted from none or some of their spots, and what the predictions stand beside."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from slide_shards import GENES, TOLD, part, write_slides

from past.base.errors import ConfigError, DataError
from past.base.runs import Run
from past.data.shards.records import SlideRecord
from past.data.shards.slides import SlideSet
from past.evaluation.results import Results
from past.evaluation.spots.prediction import SlidePredictor
from past.evaluation.spots.task import JudgedSlides, SlideTask, _predicted
from past.evaluation.task import Row
from past.models.stpath.predict import Predictor

SETTINGS = {"tops": (TOLD, 8), "components": 4}


def judge(task: SlideTask, model: Predictor, train: SlideSet | None, slides: SlideSet, out: Path) -> list[Row]:
    given = JudgedSlides(Run(out, task.name, "one"), Path("c"), model, train, slides)
    return task(given, Results(out, task.name, task.origin(given)))


@pytest.mark.slow  # scanpy's neighbours are compiled
def test_zero_shot_writes_its_files(slides: SlideSet, model: Predictor, tmp_path: Path) -> None:
    task = SlideTask("zero_shot", [1.0], **SETTINGS)
    sides = part(slides, "A1", "A2"), part(slides, "B1", "C1")
    shown = judge(task, model, *sides, tmp_path / "results")
    content = json.loads((tmp_path / "results" / "zero_shot.json").read_text())
    rows = pd.DataFrame(content["rows"])
    assert set(zip(rows["scope"], rows["name"], strict=True)) == {("section", "B1"), ("section", "C1"), ("all", "all")}
    assert set(rows["by"]) == {"STPath", "ridge, 4 PCs", "training mean"}
    assert set(content["genes"][:TOLD]) == set(GENES[:TOLD])
    assert content["checkpoint"] == content["ckpt"] == "c"
    assert content["data"] == {"root": str(slides.index.root), "val": ["B1", "C1"], "train": ["A1", "A2"]}
    assert list(rows.query("scope == 'all'")["spots"]) == [128] * 3
    ridge = rows.query("name == 'C1' and by.str.startswith('ridge')").iloc[0]
    assert ridge["pearson@4/low"] < ridge["pearson@4"] < ridge["pearson@4/high"]
    assert ridge["pearson@8"] < ridge["pearson@4"]
    mean = rows.query("name == 'C1' and by == 'training mean'").iloc[0]
    assert mean["constant_genes"] == ridge["constant_genes"] == ""
    assert mean["pearson@4"] == mean["pearson@4/low"] == mean["pearson@4/high"] == 0  # the same everywhere: no skill
    assert mean["l2@4"] > ridge["l2@4"]
    genes = pd.read_parquet(tmp_path / "results" / "zero_shot_genes.parquet")
    of_ridge = genes.query("name == 'C1' and by.str.startswith('ridge')")
    assert of_ridge["pearson"].iloc[:TOLD].mean() == pytest.approx(ridge["pearson@4"])
    spots = pd.read_parquet(tmp_path / "results" / "zero_shot_spots.parquet")
    assert len(spots) == 128
    assert not spots.isna().any(axis=None)
    assert spots["barcode"].iloc[0] == "B1-0"
    pairs = {(row["task"], row["other"]) for row in content["paired"]}
    assert pairs == {(name, other) for name in ("B1", "C1", "all") for other in ("ridge, 4 PCs", "training mean")}
    assert len(shown) == 9
    assert shown[4]["r@4"] == ridge["pearson@4"]
    assert shown[4]["95 %"] == f"{ridge['pearson@4/low']:.3f}–{ridge['pearson@4/high']:.3f}"


@pytest.mark.slow
def test_imputation_scores_the_masked_spots_only(slides: SlideSet, model: Predictor, tmp_path: Path) -> None:
    task = SlideTask("imputation", [0.9, 0.5], **SETTINGS)
    judge(task, model, part(slides, "A1"), part(slides, "B1"), tmp_path / "results")
    rows = pd.DataFrame(json.loads((tmp_path / "results" / "imputation.json").read_text())["rows"])
    assert set(rows["scope"]) == {"section"}  # there is no more to pool
    assert set(rows.query("mask_ratio == 0.9")["spots"]) == {58}
    assert set(rows.query("mask_ratio == 0.5")["spots"]) == {32}
    near = rows.query("by == 'nearest 4 measured'").set_index("mask_ratio")["pearson@4"]
    assert near[0.5] > near[0.9]  # the planted genes change smoothly
    spots = pd.read_parquet(tmp_path / "results" / "imputation_spots.parquet").query("mask_ratio == 0.9")
    told = spots[f"predicted:{GENES[0]}"].isna()
    assert told.sum() == 6
    assert (spots.loc[told, "predicted cluster"] == -1).all()
    assert spots[f"truth:{GENES[0]}"].notna().all()


@pytest.mark.slow
def test_given_genes_are_scored_in_place_of_chosen_ones(slides: SlideSet, model: Predictor, tmp_path: Path) -> None:
    (tmp_path / "genes.json").write_text(json.dumps({"genes": ["G9", "G2"]}))
    task = SlideTask("zero_shot", [1.0], genes=str(tmp_path / "genes.json"))
    judge(task, model, None, part(slides, "B1"), tmp_path / "results")
    content = json.loads((tmp_path / "results" / "zero_shot.json").read_text())
    assert content["genes"] == ["G9", "G2"]
    assert content["tops"] == [2]
    assert {row["by"] for row in content["rows"]} == {"STPath"}
    (tmp_path / "genes.json").write_text(json.dumps({"genes": ["G9", "NEW"]}))
    with pytest.raises(DataError, match=r"genes\.json: NEW not measured in"):
        judge(task, model, None, part(slides, "B1"), tmp_path / "new")


def test_what_cannot_be_judged_is_named(slides: SlideSet, model: Predictor, tmp_path: Path) -> None:
    for ratios in ([], [0.5, 0.0], [1.2]):
        with pytest.raises(ConfigError, match="shares of the spots; use 0 < ratio ≤ 1"):
            SlideTask("imputation", ratios)
    with pytest.raises(ConfigError, match=r"no training slides to choose genes on: give task\.genes=FILE"):
        judge(SlideTask("zero_shot", [1.0]), model, None, slides, tmp_path / "results")
    lonely = SlideSet.open(write_slides(tmp_path / "lonely", ("A1",), spots=1))
    with pytest.raises(DataError, match="section A1: 1 spots, of which 1 would be told"):
        SlidePredictor(model, None, GENES, GENES, 4, 0)(lonely.get("A1"), 0.9)


def test_a_slide_that_cannot_be_predicted_is_named_and_the_others_are_predicted(
    slides: SlideSet, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    results = Results(tmp_path, "zero_shot", {})

    def predict(slide: SlideRecord, ratio: float) -> Any:
        if slide.meta["section"] == "B1" or ratio == 0.5:
            raise DataError(f"{len(slide)} spots: too few")
        return slide.meta["section"]

    both: Any = predict
    assert _predicted(both, part(slides, "A1", "B1", "C1"), 0.9, results) == ["A1", "C1"]
    assert results.faults == ["section B1: 64 spots: too few"]
    assert "section B1 is left out: 64 spots: too few" in caplog.text
    with pytest.raises(DataError, match="section B1: 64 spots: too few\nsection A1: 64 spots: too few"):
        _predicted(both, part(slides, "A1"), 0.5, results)


def test_a_run_is_opened_with_its_own_slides(monkeypatch: pytest.MonkeyPatch) -> None:
    door, config = object(), {"data": {}}
    data = SimpleNamespace(split=("its training", "its validation"), open_shard="its shards")
    asked: list[tuple[object, ...]] = []

    def data_of(*given: object) -> SimpleNamespace:
        asked.append(given)
        return data

    for name, stand_in in (
        ("imported_weights", lambda config: None),
        ("trained", lambda config: ("the run", "its checkpoint")),
        ("data_of", data_of),
        ("SlideSet", lambda side, open_shard: (side, open_shard)),
        ("load_stpath", lambda checkpoint: f"model of {checkpoint}"),
    ):
        monkeypatch.setattr(f"past.evaluation.spots.task.{name}", stand_in)
    opened = SlideTask("zero_shot", [1.0]).open(config, door)  # type: ignore[arg-type]
    assert asked == [(config, "the run", door)]
    assert (opened.run, opened.checkpoint, opened.model) == ("the run", "its checkpoint", "model of its checkpoint")
    assert (opened.train, opened.slides) == (("its training", "its shards"), ("its validation", "its shards"))
