"""Models that need no head: PAST's nearest transcriptomes, STPath on slides. Each is a protocol of its own."""

import json
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from tiny_bench import GENES, SPOTS, fold_of, judge

from past.base.errors import ConfigError, DataError
from past.evaluation.hest.stpath_slides import STPathSlides
from past.evaluation.hest.task import HestBench
from past.nn.colour import ColourGrid


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
