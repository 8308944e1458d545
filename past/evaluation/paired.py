"""Two encoders on the same folds and the same resampled spots, gene by gene."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from past.evaluation.gene_scores import interval
from past.evaluation.results import TaskResult


def compare(one: TaskResult, other: TaskResult) -> list[dict[str, object]]:
    """Return one row a gene: the difference in Pearson r, `one` - `other`, mean over the folds that both ran.

    The interval is of the same mean over bootstrap resamples; genes that are constant in one of these folds are left
    out, and so is a pair without a common fold.
    """
    folds = {fold.number: fold for fold in other.folds}
    pairs = [(fold, folds[fold.number]) for fold in one.folds if fold.number in folds]
    if not pairs:
        return []
    difference = np.mean([a.scores.pearson - b.scores.pearson for a, b in pairs], axis=0)
    draws = np.mean([a.draws - b.draws for a, b in pairs], axis=0)
    rows = []
    for i, gene in enumerate(one.genes):
        if np.isnan(difference[i]):
            continue
        low, high = interval(draws[:, i])
        rows.append(
            {
                "task": one.task,
                "encoder": one.encoder,
                "other": other.encoder,
                "gene": gene,
                "difference": float(difference[i]),
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
