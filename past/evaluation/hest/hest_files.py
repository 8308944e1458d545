"""The HEST library's result files, under its names and with its fields: downstream scripts read them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from past.base.text.tables import frame_as_csv
from past.evaluation.results import Results
from past.evaluation.statistics.scores import FoldResult, TaskResult


def write_fold(results: Results, folder: str, fold: FoldResult) -> None:
    """Write `<folder>/split<k>/results.json` and `summary.json`."""
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
    split = f"{folder}/split{fold.number}"
    write_json(results, f"{split}/results.json", content)
    write_json(results, f"{split}/summary.json", content | {"n_train": fold.n_train, "n_test": fold.n_test})


def write_encoder(results: Results, folder: str, result: TaskResult) -> None:
    """Write `<folder>/results_kfold.json` of an encoder on a task; genes by falling mean r, those without one last."""
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
    write_json(results, f"{folder}/results_kfold.json", content)


def write_hest_files(results: Results, scores: Mapping[str, Sequence[TaskResult]]) -> None:
    """Write all files of the library.

    Args:
        results: where to.
        scores: task → its encoders' scores.
    """
    # the library knows no r of a constant prediction, and no mean that has such a gene
    scores = {task: [result.as_in_library for result in of_task] for task, of_task in scores.items()}
    encoders = list(dict.fromkeys(result.encoder for of_task in scores.values() for result in of_task))
    columns: dict[str, list[Any]] = {"dataset": list(scores)}
    for encoder in encoders:
        columns |= {f"{encoder}_mean": [], f"{encoder}_std": []}
    for task, of_task in scores.items():
        for result in of_task:
            for fold in result.folds:
                write_fold(results, f"{task}/{result.encoder}", fold)
            write_encoder(results, f"{task}/{result.encoder}", result)
        write_json(results, f"{task}/enc_results.json", {"results": [result.summary for result in of_task]})
        summaries = {result.encoder: result.summary for result in of_task}
        for encoder in encoders:
            for statistic in ("mean", "std"):
                value = summaries[encoder][f"pearson_{statistic}"] if encoder in summaries else np.nan
                columns[f"{encoder}_{statistic}"].append(value)
    content = {
        "average": {encoder: float(np.mean(columns[f"{encoder}_mean"])) for encoder in encoders},
        "results": [
            {"dataset_name": task, "results": [result.summary for result in of_task]}
            for task, of_task in scores.items()
        ],
    }
    write_json(results, "dataset_results.json", content)
    results.write("dataset_results.csv", frame_as_csv(pd.DataFrame(columns), index=True))


def write_json(results: Results, name: str, content: object) -> None:
    """Write as the library does: indented by 4, keys sorted; NaN as NaN."""
    results.write(name, json.dumps(content, indent=4, sort_keys=True))
