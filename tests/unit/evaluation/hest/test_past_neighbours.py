"""PAST without a head: the expression of the nearest transcriptomes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_bench import GENES, SPOTS, judge, write_task

from past.base.errors import ConfigError, DataError
from past.checkpoints.saved import Saved, save_model
from past.evaluation.hest.layout import read_task
from past.evaluation.hest.past_neighbours import PASTNeighbours
from past.evaluation.hest.spots import FoldData, TaskData
from past.evaluation.hest.task import HestBench
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.model import PASTModel
from past.models.past.samples.tokens import Tokenizer
from past.models.past.tower import PASTTower
from past.models.stpath.model import STPath
from past.models.stpath.published import import_stpath, to_published
from past.nn.colour import ColourEncoder, ColourGrid

SAID = {"technology": "Visium", "species": "human"}


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    write_task(tmp_path)
    return tmp_path


@pytest.fixture
def past(tmp_path: Path) -> Path:
    """Two checkpoints, one for each of folds 0 and 1; the second saw sample B, its fold's test."""
    for fold in (0, 1):
        torch.manual_seed(fold)
        tokenizer = Tokenizer(GENES, GENES, {"Visium": np.ones(len(GENES))}, context=6, neighbours=3)
        cells = ExpressionEncoder(tokenizer.vocabulary_size, width=8)
        torch.nn.init.normal_(cells.components)  # type: ignore[arg-type]
        model = PASTModel(ColourEncoder(), cells, dim=4)
        seen = {"sections": ["B", "C"], "patients": ["of B", "of C"]}
        crops = {"normalise_stain": bool(fold)}
        save_model(tmp_path / f"past-{fold}", Saved(model, tokenizer.state(), crops, trained_on=seen))
    return tmp_path / "past-{fold}"


@pytest.fixture
def stpath(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = STPath(2 + len(GENES), features=48, dim=16, depth=1, heads=2)
    torch.nn.init.normal_(model.head.bias, 1.0)
    torch.save(to_published(model), tmp_path / "stfm.pth")
    (tmp_path / "symbols.json").write_text(json.dumps({gene: f"ENSG{i}" for i, gene in enumerate(GENES)}))
    save_model(tmp_path / "stpath", import_stpath(tmp_path / "stfm.pth", tmp_path / "symbols.json"))
    return tmp_path / "stpath"


def fold_of(root: Path, number: int) -> FoldData:
    task = read_task(root / "IDC")
    return TaskData(task, {}).fold(task.folds[number])


def test_a_tile_gets_the_expression_of_its_nearest_transcriptomes(bench: Path, past: Path) -> None:
    fold = fold_of(bench, 0)
    one = PASTNeighbours(past, 1, bench / "cache", **SAID).predict(fold)
    expression = np.concatenate([spots.expression for spots in fold.train])
    assert one.shape == (SPOTS, len(GENES))
    assert all((row == expression).all(axis=1).any() for row in one.astype(np.float64))
    every = PASTNeighbours(past, 2 * SPOTS, bench / "cache", **SAID).predict(fold)
    assert ((every >= expression.min(axis=0)) & (every <= expression.max(axis=0))).all()
    with pytest.raises(DataError, match=r"IDC fold 0: encoder.k=61, but only 60 training spots: use ≤ 60"):
        PASTNeighbours(past, 61, bench / "cache", **SAID).predict(fold)
    with pytest.raises(DataError, match=r"no uns\['meta'\]\['platform'\]: give encoder.technology="):
        PASTNeighbours(past, 1, bench / "cache").predict(fold)


def test_each_fold_has_its_model_and_its_exposure_is_told(bench: Path, past: Path) -> None:
    encoders = {"tower": PASTTower(past), "joint": PASTTower(past, "joint"), "grid": ColourGrid(2)}
    judge(HestBench(bench, bench / "cache", components=4), encoders, bench / "results")
    content = json.loads((bench / "results" / "hest_bench.json").read_text())
    # fold 2 has no checkpoint
    assert {(row["encoder"], row["folds"]) for row in content["rows"] if row["task"] == "IDC"} == {
        ("tower", 2), ("joint", 2), ("grid", 3),
    }  # fmt: skip
    assert "past-2" in content["failures"][0]["reason"]
    exposure = content["trained_on_test_patients"]
    assert exposure["tower"] == {"IDC fold 0": [], "IDC fold 1": ["B"]}
    assert exposure["grid"] == {f"IDC fold {k}": None for k in range(3)}
    with pytest.raises(ConfigError, match="output='other'"):
        PASTTower(past, "other")  # type: ignore[arg-type]
