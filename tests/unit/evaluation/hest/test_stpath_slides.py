"""Models that need no head: PAST's nearest transcriptomes, STPath on slides. Each is a protocol of its own."""

import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import torch
from tiny_bench import GENES, SPOTS, judge, write_task

from past.base.errors import ConfigError, DataError
from past.checkpoints.saved import Saved, save_model
from past.evaluation.hest.layout import read_task
from past.evaluation.hest.spots import FoldData, TaskData
from past.evaluation.hest.stpath_slides import STPathSlides
from past.evaluation.hest.task import HestBench
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.model import PASTModel
from past.models.past.samples.tokens import Tokenizer
from past.models.stpath.model import STPath
from past.models.stpath.published import import_stpath, to_published
from past.nn.colour import ColourEncoder, ColourGrid


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


def test_stpath_predicts_slides_alone_or_in_context(bench: Path, stpath: Path) -> None:
    alone = STPathSlides(stpath, ColourGrid(4), 0.0, bench / "cache")
    predicted = alone.predict(fold_of(bench, 0))
    assert predicted.shape == (SPOTS, len(GENES))
    assert np.isfinite(predicted).all()
    half = STPathSlides(stpath, ColourGrid(4), 0.5, bench / "cache")
    assert half.protocol == "STPath, 50% of the spots measured"
    judge(HestBench(bench, bench / "cache"), {"stpath": half}, bench / "half")
    table = pd.read_parquet(bench / "half" / "hest_bench.parquet")
    measured = int((np.random.default_rng(0).random(SPOTS) < 0.5).sum())
    assert set(table["n_test"]) == {SPOTS - measured}
    with pytest.raises(ConfigError, match=r"\(STPath, zero-shot\) and b"):
        judge(HestBench(bench, bench / "cache"), {"a": alone, "b": half}, bench / "both")
    with pytest.raises(ConfigError, match=r"encoder.context=1: give a share"):
        STPathSlides(stpath, ColourGrid(4), 1, bench / "cache")


def test_stpath_is_told_organ_and_technology_where_hest_knows_them(bench: Path, stpath: Path) -> None:
    fold = fold_of(bench, 0)
    (bench / "hest.csv").write_text("id,organ,st_technology\nA,Breast,Visium\n")
    told = STPathSlides(stpath, ColourGrid(4), 0.0, bench / "cache", metadata=bench / "hest.csv").predict(fold)
    untold = STPathSlides(stpath, ColourGrid(4), 0.0, bench / "cache").predict(fold)
    assert np.abs(told - untold).max() > 1e-6


def test_genes_that_the_weights_do_not_know_are_named(bench: Path, stpath: Path) -> None:
    (bench / "IDC" / "var_50genes.json").write_text(json.dumps({"genes": [*GENES[:2], "NEW"]}))
    for sample in "ABC":
        path = bench / "IDC" / "adata" / f"{sample}.h5ad"
        adata = anndata.read_h5ad(path)
        adata.var_names = [*GENES[:2], "NEW", *GENES[3:]]
        adata.write_h5ad(path)
    encoders = {"stpath": STPathSlides(stpath, ColourGrid(4), 0.0, bench / "cache")}
    with pytest.raises(DataError, match=r"nothing could run.*NEW"):
        judge(HestBench(bench, bench / "cache"), encoders, bench / "results")
