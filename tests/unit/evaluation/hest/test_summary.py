"""Means over genes and folds, with genes that are constant."""

from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from tiny_bench import run, write_task

from past.evaluation.hest.summary import Scored, average_rows
from past.evaluation.statistics.scores import FoldResult, Judged, TaskResult
from past.evaluation.statistics.units import Places

NAN = float("nan")


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


def result(r: np.ndarray, encoder: str = "two", task: str = "IDC") -> TaskResult:
    """A task of folds of one patient each, 40 spots, with exactly these r, (folds, genes); 0: predicted constant,
    NaN: measured constant.
    """
    rng = np.random.default_rng(0)
    folds = []
    for k, of_fold in enumerate(r):
        truth, noise = np.linalg.qr(np.hstack([np.ones((40, 1)), rng.normal(size=(40, 2))]))[0].T[1:]
        known = np.nan_to_num(of_fold)
        predicted = np.outer(truth, known) + np.outer(noise, np.sqrt(1 - known**2))
        predicted[:, of_fold == 0] = 0.25
        measured = np.where(np.isnan(of_fold), 1.0, truth[:, None])
        coords = np.stack(np.divmod(np.arange(40), 8), axis=1)
        places = Places(np.repeat(f"P{k}", 40), np.repeat(f"S{k}", 40), coords)
        genes = tuple(f"G{i}" for i in range(len(of_fold)))
        folds.append(FoldResult.of(k, genes, Judged(measured, predicted, places), 9))
    return TaskResult(task, encoder, tuple(folds))


def test_a_gene_constant_in_one_fold_is_judged_by_the_others() -> None:
    r = np.array([[0.6, NAN], [0.6, NAN], [0.6, NAN], [NAN, NAN]])  # (folds, genes)
    row = Scored.of("as they are", result(r)).row
    assert (row["share_above_0.2"], row["share_above_0.4"]) == (0.5, 0.5)
    assert row["genes"] == 0  # in the last fold


def test_49_genes_predicted_constant_count_and_are_counted() -> None:
    r = np.zeros((1, 50))
    r[0, 7] = 0.9
    row = Scored.of("as they are", result(r)).row
    assert row["pearson_mean_without_nan"] == pytest.approx(0.018)
    assert (row["genes"], row["constant_predictions"]) == (50, 49)
    assert row["pearson_mean"] is None  # the library has none
    r[0, 8] = NAN  # measured constant: left out
    row = Scored.of("as they are", result(r)).row
    assert row["pearson_mean_without_nan"] == pytest.approx(0.9 / 49)
    assert (row["genes"], row["constant_predictions"]) == (49, 48)


def test_six_patients_are_the_units_and_the_interval_is_students() -> None:
    r = np.array([[0.1], [0.2], [0.3], [0.4], [0.5], [0.6]])
    row = Scored.of("as they are", result(r)).row
    assert (row["resampled"], row["units"], row["correlation_length"]) == ("patients", 6, None)
    half = 2.5705818 * np.std(r, ddof=1) / np.sqrt(6) / (1 - 0.35**2)  # t's 97.5 % at 5 degrees; on Fisher's scale
    ends = np.tanh(np.arctanh(0.35) + np.array([-half, half]))
    assert [row["low"], row["high"]] == pytest.approx(ends, rel=1e-6)


def test_the_average_is_as_sure_as_its_tasks() -> None:
    steps = np.arange(6)[:, None] * 0.02
    tasks = [Scored.of("as they are", result(0.3 + steps)), Scored.of("as they are", result(0.1 + steps, task="PRAD"))]
    (row,) = average_rows(tasks)
    assert (row["task"], row["encoder"], row["resampled"], row["units"]) == ("average", "two", "patients", 12)
    assert row["pearson_mean_without_nan"] == pytest.approx(0.25)
    error = np.std(steps, ddof=1) / np.sqrt(6) / np.sqrt(2)
    half = 2.2281389 * error / (1 - 0.25**2)  # two equal errors of 5 degrees make one of 10
    assert row["high"] == pytest.approx(np.tanh(np.arctanh(0.25) + half), rel=1e-6)
