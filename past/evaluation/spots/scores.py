"""Scores of slides whose expression was predicted: gene by gene, with intervals, and as clusterings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from past.evaluation.statistics.clusters import agreement, cluster
from past.evaluation.statistics.jackknife import plain
from past.evaluation.statistics.left_out import LeftOut
from past.evaluation.statistics.scores import FoldResult, Judged, TaskResult
from past.evaluation.statistics.units import Places
from past.evaluation.task import Row

ALL = "all"


@dataclass(frozen=True)
class ScoredSpots:
    """The scored spots of one slide, or of all slides end to end.

    Attributes:
        scope: "section" or "all".
        name: the section's.
        places: where the spots lie, and whose they are.
        truth: (n, g) float64 measured log1p counts.
        predicted: way of predicting → (n, g).
    """

    scope: str
    name: str
    places: Places
    truth: np.ndarray
    predicted: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class SlideScores:
    """One way of predicting, over the spots of one scope.

    Attributes:
        row: what the result file says: mean Pearson r over the most variable genes and on how many it stands, errors,
            agreement of clusterings.
        genes: the scores gene by gene; `task` names the scope, `encoder` the way.
        left_out: the same without each independent unit.
        clusters: (n,) of the measured and of the predicted expression; None where there is nothing to part.
    """

    row: Row
    genes: TaskResult
    left_out: LeftOut
    clusters: tuple[np.ndarray | None, np.ndarray | None]


def pooled(slides: Sequence[ScoredSpots]) -> ScoredSpots:
    """Lay all slides' spots end to end."""
    return ScoredSpots(
        ALL,
        ALL,
        Places.joined([slide.places for slide in slides]),
        np.concatenate([slide.truth for slide in slides]),
        {way: np.concatenate([slide.predicted[way] for slide in slides]) for way in slides[0].predicted},
    )


def score_spots(spots: ScoredSpots, genes: Sequence[str], tops: Sequence[int], seed: int) -> list[SlideScores]:
    """Score every way of predicting on the same spots.

    Args:
        spots: measured and predicted.
        genes: (g,) names, most variable first.
        tops: how many of the first genes a mean is taken over; each at most g.
        seed: of the clusterings.
    """
    true, found = cluster(spots.truth, seed), []
    patients = ", ".join(dict.fromkeys(map(str, spots.places.patients)))
    for way, predicted in spots.predicted.items():
        clusters = cluster(predicted, seed)
        fold = FoldResult.of(0, tuple(genes), Judged(spots.truth, predicted, spots.places), 0)
        result = TaskResult(spots.name, way, (fold,))
        scores, left_out = fold.scores, LeftOut.of(result)
        constant = np.isnan(scores.pearson)
        row: Row = {"scope": spots.scope, "name": spots.name, "patient": patients, "by": way}
        row |= {"spots": len(spots.truth), **result.units.facts}
        for top in tops:
            mean = left_out.mean(top)
            low, high = mean.interval_of_r()
            row |= {f"pearson@{top}": plain(mean.value), f"pearson@{top}/low": plain(low)}
            row |= {f"pearson@{top}/high": plain(high), f"l2@{top}": float(scores.l2[:top].mean())}
            row[f"genes@{top}"] = int((~constant[:top]).sum())
            row[f"constant_predictions@{top}"] = int((scores.flat & ~constant)[:top].sum())
        row |= agreement(true, clusters)
        row["constant_genes"] = ", ".join(np.array(genes, dtype=object)[constant])
        found.append(SlideScores(row, result, left_out, (true, clusters)))
    return found


def by_gene(scores: SlideScores) -> pd.DataFrame:
    """Return a row a gene: its Pearson r with a 95 % interval, its mean squared error and R²."""
    (fold,) = scores.genes.folds
    low, high = scores.left_out.by_gene()[1].interval_of_r()
    return pd.DataFrame(
        {key: scores.row[key] for key in ("scope", "name", "by", "resampled", "units", "correlation_length")}
        | {"gene": fold.genes, "pearson": fold.scores.pearson, "low": low, "high": high}
        | {"l2_error": fold.scores.l2, "r2_score": fold.scores.r2}
    )
