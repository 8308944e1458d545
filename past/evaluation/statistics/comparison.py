"""Two encoders on the same folds and the same independent units, gene by gene and over all genes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from scipy.stats import false_discovery_control

from past.evaluation.statistics.jackknife import plain
from past.evaluation.statistics.left_out import LeftOut
from past.evaluation.statistics.scores import FoldResult, TaskResult
from past.evaluation.statistics.units import Units, wider

ERROR = 0.05  # share of false ones among the genes that are called different


@dataclass(frozen=True)
class Comparison:
    """One encoder beside another on one task.

    Attributes:
        genes: a row a gene: the difference in Pearson r, its 95 % interval, p, and q, which is p by Benjamini and
            Hochberg over the genes.
        summary: on how many genes each leads, on how many for certain (q < ERROR); the difference of the mean over
            genes with its 95 % interval and p; what was left out in turn.
    """

    genes: list[dict[str, object]]
    summary: dict[str, object]


def compare(one: TaskResult, other: TaskResult) -> Comparison | None:
    """Return `one` beside `other`, mean over the folds that both ran on the same spots; None where there is none.

    Both are left without the same units; where these are blocks, as wide as the longer correlation of the two asks.
    Genes that are measured constant in one of these folds are left out.
    """
    one, other = _same_folds(one, other), _same_folds(other, one)
    if not one.folds:
        return None
    units = wider(one.units, other.units)
    difference = LeftOut.of(one, units).minus(LeftOut.of(other, units))
    names, found = difference.by_gene()
    low, high = found.interval()
    p, q = found.p(), np.full(len(names), np.nan)
    known = ~np.isnan(p)
    q[known] = false_discovery_control(p[known]) if known.any() else q[known]
    pair = {"task": one.task, "encoder": one.encoder, "other": other.encoder}
    numbers = {"difference": found.value, "low": low, "high": high, "p": p, "q": q}
    varies = np.flatnonzero(~np.isnan(found.value))
    genes = [{**pair, "gene": names[i], **{name: plain(of[i]) for name, of in numbers.items()}} for i in varies]
    return Comparison(genes, {**pair, **_summary(difference, found.value[varies], q[varies], units)})


def compare_all(results: Sequence[TaskResult]) -> list[Comparison]:
    """Compare every two encoders on every task; see `compare`."""
    tasks = dict.fromkeys(result.task for result in results)
    pairs = (pair for task in tasks for pair in combinations([found for found in results if found.task == task], 2))
    return [found for pair in pairs if (found := compare(*pair))]


def _summary(difference: LeftOut, values: np.ndarray, q: np.ndarray, units: Units) -> dict[str, object]:
    mean = difference.mean()
    low, high = mean.interval()
    certain = q < ERROR
    unknown = not units.enough
    return {
        "genes": len(values),
        "wins": int((values > 0).sum()),
        "losses": int((values < 0).sum()),
        "certain_wins": None if unknown else int((certain & (values > 0)).sum()),
        "certain_losses": None if unknown else int((certain & (values < 0)).sum()),
        "mean_difference": plain(mean.value),
        "low": plain(low),
        "high": plain(high),
        "p": plain(mean.p()),
        **units.facts,
    }


def _same_folds(result: TaskResult, other: TaskResult) -> TaskResult:
    """Return `result` with the folds that `other` ran too; itself where these are all."""
    theirs = {fold.number: fold for fold in other.folds}
    shared = tuple(fold for fold in result.folds if _same_spots(fold, theirs.get(fold.number)))
    return result if len(shared) == len(result.folds) else replace(result, folds=shared)


def _same_spots(fold: FoldResult, other: FoldResult | None) -> bool:
    if other is None or fold.spots is None or other.spots is None:
        return False
    return all(
        np.array_equal(getattr(fold.spots.places, name), getattr(other.spots.places, name))
        for name in ("sections", "coords")
    )
