"""Means over genes and folds, with genes that are constant."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from tiny_bench import run, write_task

from past.evaluation.hest.summary import score_rows
from past.evaluation.statistics.genes import GeneScores
from past.evaluation.statistics.scores import FoldResult, TaskResult


def test_a_constant_gene_is_named_and_left_out_of_one_of_two_means(tmp_path: Path) -> None:
    folder = write_task(tmp_path)
    adata = anndata.read_h5ad(folder / "adata" / "B.h5ad")
    adata.X[:, 3] = 0
    adata.write_h5ad(folder / "adata" / "B.h5ad")
    out, content = run(tmp_path)
    task, average = content["rows"]
    assert task["nan_genes"] == "G3 (fold 1)" == average["nan_genes"]
    assert task["pearson_mean"] is None
    table = pd.read_parquet(out / "hest_bench.parquet")
    assert task["pearson_mean_without_nan"] == pytest.approx(table.groupby("fold")["pearson"].mean().mean(), abs=1e-12)


def test_a_gene_constant_in_one_fold_is_judged_by_the_others() -> None:
    r = np.array([[0.6, np.nan], [0.6, np.nan], [0.6, np.nan], [np.nan, np.nan]])  # (folds, genes)
    folds = [
        FoldResult(k, ("G0", "G1"), GeneScores(*[of_fold] * 3, np.zeros(2, dtype=bool)), np.tile(of_fold, (3, 1)), 9, 9)
        for k, of_fold in enumerate(r)
    ]
    row, _ = score_rows("as they are", [TaskResult("IDC", "two", tuple(folds))])
    assert (row["share_above_0.2"], row["share_above_0.4"]) == (0.5, 0.5)
