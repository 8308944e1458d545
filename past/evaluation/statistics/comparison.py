"""Two encoders on the same folds and the same resampled spots, gene by gene."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from past.evaluation.statistics.genes import interval
from past.evaluation.statistics.scores import TaskResult


def compare(one: TaskResult, other: TaskResult) -> list[dict[str, object]]:
    """Return one row a gene: the difference in Pearson r, `one` - `other`, mean over the folds that both ran.

    The interval is of the same mean over bootstrap resamples; genes that are measured constant in one of these folds
    are left out.
    """
    differences: dict[str, list[float]] = {}
    draws: dict[str, list[np.ndarray]] = {}
    folds = {fold.number: fold for fold in other.folds}
    for a, b in ((fold, folds[fold.number]) for fold in one.folds if fold.number in folds):
        for i, gene in enumerate(a.genes):
            differences.setdefault(gene, []).append(float(a.scores.pearson[i] - b.scores.pearson[i]))
            draws.setdefault(gene, []).append(a.draws[:, i] - b.draws[:, i])
    rows = []
    for gene, found in differences.items():
        if np.isnan(found).any():
            continue
        low, high = interval(np.mean(draws[gene], axis=0))
        rows.append(
            {
                "task": one.task,
                "encoder": one.encoder,
                "other": other.encoder,
                "gene": gene,
                "difference": float(np.mean(found)),
                "low": low,
                "high": high,
            }
        )
    return rows


def compare_all(results: Sequence[TaskResult]) -> list[dict[str, object]]:
    """Compare every two encoders on every task; see `compare`."""
    return [
        row
        for task in dict.fromkeys(result.task for result in results)
        for one, other in combinations([result for result in results if result.task == task], 2)
        for row in compare(one, other)
    ]


def count_wins(rows: Sequence[dict]) -> list[dict[str, object]]:
    """Return for every task and pair: genes on which each leads, and those whose interval leaves out 0."""
    pairs = dict.fromkeys((row["task"], row["encoder"], row["other"]) for row in rows)
    counted = []
    for task, encoder, other in pairs:
        own = [row for row in rows if (row["task"], row["encoder"], row["other"]) == (task, encoder, other)]
        counted.append(
            {
                "task": task,
                "encoder": encoder,
                "other": other,
                "genes": len(own),
                "wins": sum(row["difference"] > 0 for row in own),
                "losses": sum(row["difference"] < 0 for row in own),
                "certain_wins": sum(row["low"] > 0 for row in own),
                "certain_losses": sum(row["high"] < 0 for row in own),
                "mean_difference": float(np.mean([row["difference"] for row in own])),
            }
        )
    return counted
