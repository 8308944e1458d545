"""The tidy table of a run, and its scores by task and over tasks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from past.evaluation.statistics.genes import bounds, interval, shares_above
from past.evaluation.statistics.pearson import mean_where_defined
from past.evaluation.statistics.scores import TaskResult
from past.evaluation.task import Row

AVERAGE = "average"
AS_THEY_ARE, REMOVED = "as they are", "mean colour removed"


def tidy(protocol: str, results: Sequence[tuple[str, TaskResult]]) -> pd.DataFrame:
    """Return one row for every task, encoder, kind of images, fold and gene.

    Args:
        protocol: what was done; the same in every row.
        results: (images, result) pairs, `images` saying what was done to the tiles.
    """
    rows = []
    for images, result in results:
        for fold in result.folds:
            low, high = bounds(fold.draws)
            for i, gene in enumerate(fold.genes):
                rows.append(
                    {
                        "protocol": protocol,
                        "task": result.task,
                        "encoder": result.encoder,
                        "images": images,
                        "fold": fold.number,
                        "gene": gene,
                        "pearson": fold.scores.pearson[i],
                        "pearson_low": low[i],
                        "pearson_high": high[i],
                        "l2_error": fold.scores.l2[i],
                        "r2_score": fold.scores.r2[i],
                        "n_train": fold.n_train,
                        "n_test": fold.n_test,
                    }
                )
    return pd.DataFrame(rows)


def score_rows(images: str, results: Sequence[TaskResult]) -> list[Row]:
    """Return a row for every task and encoder, then one for every encoder over its tasks.

    `pearson_mean` is the library's: None where a gene, measured or predicted, is constant in a fold; `nan_genes` names
    them. `pearson_mean_without_nan` leaves out of a fold the genes that are measured constant there, counts 0 for those
    that are only predicted so, and the interval and shares are of it. The interval is 95 %, over resampled test spots.
    """
    rows, draws = [], {}
    for result in results:
        rows.append({"task": result.task, "encoder": result.encoder, "images": images, **_scores(result)})
        draws.setdefault(result.encoder, []).append(_mean_draws(result))
    for encoder, of_tasks in draws.items():
        own = [row for row in rows if row["encoder"] == encoder]
        rows.append({"task": AVERAGE, "encoder": encoder, "images": images, **_average(own, of_tasks)})
    return rows


def _scores(result: TaskResult) -> Row:
    library = result.as_in_library
    without = np.array([mean_where_defined(fold.scores.pearson) for fold in result.folds])
    low, high = interval(_mean_draws(result))
    constant = [
        f"{gene} (fold {fold.number})"
        for fold in library.folds
        for gene, r in zip(fold.genes, fold.scores.pearson, strict=True)
        if np.isnan(r)
    ]
    return {
        "folds": len(result.folds),
        "pearson_mean": _plain(library.summary["pearson_mean"]),
        "pearson_std": _plain(library.summary["pearson_std"]),
        "pearson_mean_without_nan": _plain(without.mean()),
        "low": _plain(low),
        "high": _plain(high),
        **shares_above(np.array([mean_where_defined(r) for r in result.by_gene.values()])),
        "nan_genes": ", ".join(constant),
    }


def _mean_draws(result: TaskResult) -> np.ndarray:
    """Return (resamples,) bootstrapped scores of a task: genes, then folds averaged."""
    folds = [fold.draws[:, ~np.isnan(fold.scores.pearson)] for fold in result.folds]
    return np.mean([draws.mean(axis=1) if draws.size else np.full(len(draws), np.nan) for draws in folds], axis=0)


def _average(rows: Sequence[Row], draws: Sequence[np.ndarray]) -> Row:
    low, high = interval(np.mean(draws, axis=0))
    names = ("pearson_mean", "pearson_mean_without_nan", "share_above_0.2", "share_above_0.4")
    values = {name: [row[name] for row in rows] for name in names}
    means = {name: None if None in found else float(np.mean(found)) for name, found in values.items()}
    return {
        "folds": sum(row["folds"] for row in rows),
        "pearson_mean": means["pearson_mean"],
        "pearson_std": None,
        "pearson_mean_without_nan": means["pearson_mean_without_nan"],
        "low": _plain(low),
        "high": _plain(high),
        "share_above_0.2": means["share_above_0.2"],
        "share_above_0.4": means["share_above_0.4"],
        "nan_genes": ", ".join(row["nan_genes"] for row in rows if row["nan_genes"]),
    }


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
