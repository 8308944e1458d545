"""The HEST library's result files, under its names and with its fields: downstream scripts read them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from past.base.files import write_atomically
from past.evaluation.statistics.scores import FoldResult, TaskResult


def write_fold(folder: Path, fold: FoldResult) -> None:
    """Write `split<k>/results.json` and `summary.json`."""
    scores = fold.scores
    content: dict[str, object] = {
        "l2_errors": scores.l2.tolist(),
        "r2_scores": scores.r2.tolist(),
        "pearson_corrs": [
            {"name": gene, "pearson_corr": float(r)} for gene, r in zip(fold.genes, scores.pearson, strict=True)
        ],
        "pearson_mean": float(scores.pearson.mean()),
        "pearson_std": float(scores.pearson.std()),
    }
    for name, values in (("l2_error", scores.l2), ("r2_score", scores.r2)):
        for quarter in (1, 2, 3):
            content[f"{name}_q{quarter}"] = float(np.percentile(values, 25 * quarter))
    split = folder / f"split{fold.number}"
    write_json(split / "results.json", content)
    write_json(split / "summary.json", content | {"n_train": fold.n_train, "n_test": fold.n_test})


def write_encoder(folder: Path, result: TaskResult) -> None:
    """Write `results_kfold.json` of one encoder on one task; genes by falling mean r, those without one last."""
    per_gene = [
        {"name": gene, "pearson_corrs": r.tolist(), "mean": float(r.mean()), "std": float(r.std())}
        for gene, r in result.by_gene.items()
    ]
    content = {
        "pearson_corrs": sorted(per_gene, key=lambda entry: np.nan_to_num(entry["mean"], nan=-2.0), reverse=True),
        "pearson_mean": result.summary["pearson_mean"],
        "pearson_std": result.summary["pearson_std"],
        "mean_per_split": result.fold_means.tolist(),
    }
    write_json(folder / "results_kfold.json", content)


def write_library_files(folder: Path, results: Mapping[str, Sequence[TaskResult]]) -> None:
    """Write all files of the library.

    Args:
        folder: of the results.
        results: task → its encoders' results.
    """
    # the library knows no r of a constant prediction, and no mean that has such a gene
    results = {task: [result.as_in_library for result in of_task] for task, of_task in results.items()}
    encoders = list(dict.fromkeys(result.encoder for of_task in results.values() for result in of_task))
    columns: dict[str, list[Any]] = {"dataset": list(results)}
    for encoder in encoders:
        columns |= {f"{encoder}_mean": [], f"{encoder}_std": []}
    for task, of_task in results.items():
        for result in of_task:
            for fold in result.folds:
                write_fold(folder / task / result.encoder, fold)
            write_encoder(folder / task / result.encoder, result)
        write_json(folder / task / "enc_results.json", {"results": [result.summary for result in of_task]})
        summaries = {result.encoder: result.summary for result in of_task}
        for encoder in encoders:
            for statistic in ("mean", "std"):
                value = summaries[encoder][f"pearson_{statistic}"] if encoder in summaries else np.nan
                columns[f"{encoder}_{statistic}"].append(value)
    content = {
        "average": {encoder: float(np.mean(columns[f"{encoder}_mean"])) for encoder in encoders},
        "results": [
            {"dataset_name": task, "results": [result.summary for result in of_task]}
            for task, of_task in results.items()
        ],
    }
    write_json(folder / "dataset_results.json", content)
    write_atomically(folder / "dataset_results.csv", pd.DataFrame(columns).to_csv(lineterminator="\n"))


def write_json(path: Path, content: object) -> None:
    """Write as the library does: indented by 4, keys sorted; NaN as NaN."""
    write_atomically(path, json.dumps(content, indent=4, sort_keys=True))
