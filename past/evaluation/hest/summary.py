"""The tidy table of a run, and its scores by task and over tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from past.evaluation.statistics.genes import shares_above
from past.evaluation.statistics.jackknife import Estimate, mean_of, plain
from past.evaluation.statistics.left_out import LeftOut
from past.evaluation.statistics.pearson import mean_where_defined
from past.evaluation.statistics.scores import FoldResult, TaskResult
from past.evaluation.task import Row

AVERAGE = "average"
AS_THEY_ARE, REMOVED = "as they are", "mean colour removed"


def tidy(protocol: str, images: str, result: TaskResult) -> pd.DataFrame:
    """Return one row for every fold and gene of an encoder on a task, with an interval over the fold's own units.

    Args:
        protocol: what was done; the same in every row.
        images: what was done to the tiles.
        result: the scores.
    """
    return pd.concat([_tidy(protocol, images, result, fold) for fold in result.folds])


def _tidy(protocol: str, images: str, result: TaskResult, fold: FoldResult) -> pd.DataFrame:
    alone = result if len(result.folds) == 1 else TaskResult(result.task, result.encoder, (fold,))
    low, high = LeftOut.of(alone).by_gene()[1].interval_of_r()
    same = {"protocol": protocol, "task": result.task, "encoder": result.encoder, "images": images}
    scores = fold.scores
    return pd.DataFrame(
        {
            **same,
            "fold": fold.number,
            "gene": fold.genes,
            "pearson": scores.pearson,
            "pearson_low": low,
            "pearson_high": high,
            **alone.units.facts,
            "l2_error": scores.l2,
            "r2_score": scores.r2,
            "n_train": fold.n_train,
            "n_test": fold.n_test,
        }
    )


@dataclass(frozen=True)
class Scored:
    """An encoder on a task: its row, and the number in it that has an interval.

    `pearson_mean` is the library's: None where a gene, measured or predicted, is constant in a fold; `nan_genes` names
    them. `pearson_mean_without_nan` leaves out of a fold the genes that are measured constant there, counts 0 for those
    that are only predicted so, and the interval and shares are of it. It stands on `genes`, counted in the fold where
    they are fewest, of which `constant_predictions`, counted where they are most, count 0.
    """

    row: Row
    mean: Estimate

    @staticmethod
    def of(images: str, result: TaskResult) -> "Scored":
        """Score one."""
        library, mean = result.as_in_library, LeftOut.of(result).mean()
        low, high = mean.interval_of_r()
        defined = [~np.isnan(fold.scores.pearson) for fold in result.folds]
        constant = [
            f"{gene} (fold {fold.number})"
            for fold in library.folds
            for gene, r in zip(fold.genes, fold.scores.pearson, strict=True)
            if np.isnan(r)
        ]
        row = {
            **{"task": result.task, "encoder": result.encoder, "images": images, "folds": len(result.folds)},
            "pearson_mean": plain(library.summary["pearson_mean"]),
            "pearson_std": plain(library.summary["pearson_std"]),
            "pearson_mean_without_nan": plain(mean.value),
            "low": plain(low),
            "high": plain(high),
            **result.units.facts,
            "genes": min(int(known.sum()) for known in defined),
            "constant_predictions": max(
                int((fold.scores.flat & known).sum()) for fold, known in zip(result.folds, defined, strict=True)
            ),
            **shares_above(np.array([mean_where_defined(r) for r in result.by_gene.values()])),
            "nan_genes": ", ".join(constant),
        }
        return Scored(row, mean)


def average_rows(scored: Sequence[Scored]) -> list[Row]:
    """Return a row for every encoder, the mean over its tasks, which are independent of each other."""
    encoders = dict.fromkeys(one.row["encoder"] for one in scored)
    return [_average([one for one in scored if one.row["encoder"] == encoder]) for encoder in encoders]


def _average(scored: Sequence[Scored]) -> Row:
    rows = [one.row for one in scored]
    low, high = mean_of([one.mean for one in scored]).interval_of_r()
    means = {}
    for name in ("pearson_mean", "pearson_mean_without_nan", "share_above_0.2", "share_above_0.4"):
        values = [row[name] for row in rows]
        means[name] = None if None in values else float(np.mean(values))
    return {
        **{"task": AVERAGE, "encoder": rows[0]["encoder"], "images": rows[0]["images"]},
        "folds": sum(row["folds"] for row in rows),
        "pearson_mean": means["pearson_mean"],
        "pearson_std": None,
        "pearson_mean_without_nan": means["pearson_mean_without_nan"],
        "low": plain(low),
        "high": plain(high),
        "resampled": ", ".join(dict.fromkeys(row["resampled"] for row in rows)),
        "units": sum(row["units"] for row in rows),
        "correlation_length": None,
        "genes": min(row["genes"] for row in rows),
        "constant_predictions": max(row["constant_predictions"] for row in rows),
        "share_above_0.2": means["share_above_0.2"],
        "share_above_0.4": means["share_above_0.4"],
        "nan_genes": ", ".join(row["nan_genes"] for row in rows if row["nan_genes"]),
    }
