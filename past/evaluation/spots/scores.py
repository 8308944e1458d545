"""Scores of slides whose expression was predicted: gene by gene, with intervals over spots, and as clusterings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from past.evaluation.statistics.clusters import agreement, cluster
from past.evaluation.statistics.genes import bootstrap_pearson, bounds, interval, score_genes
from past.evaluation.statistics.pearson import mean_where_defined
from past.evaluation.statistics.scores import FoldResult, TaskResult
from past.evaluation.task import Row

ALL = "all"


@dataclass(frozen=True)
class ScoredSpots:
    """The scored spots of one slide, or of all slides end to end.

    Attributes:
        scope: "section" or "all".
        name: the section's.
        patient: whose it is.
        truth: (n, g) float64 measured log1p counts.
        predicted: way of predicting → (n, g).
    """

    scope: str
    name: str
    patient: str
    truth: np.ndarray
    predicted: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class SlideScores:
    """One way of predicting, over the spots of one scope.

    Attributes:
        row: what the result file says: mean Pearson r over the most variable genes, errors, agreement of clusterings.
        genes: the scores gene by gene; `task` names the scope, `encoder` the way.
        clusters: (n,) of the measured and of the predicted expression; None where there is nothing to part.
    """

    row: Row
    genes: TaskResult
    clusters: tuple[np.ndarray | None, np.ndarray | None]


def pooled(slides: Sequence[ScoredSpots]) -> ScoredSpots:
    """Lay all slides' spots end to end."""
    return ScoredSpots(
        ALL,
        ALL,
        ", ".join(dict.fromkeys(slide.patient for slide in slides)),
        np.concatenate([slide.truth for slide in slides]),
        {way: np.concatenate([slide.predicted[way] for slide in slides]) for way in slides[0].predicted},
    )


def score_spots(
    spots: ScoredSpots, genes: Sequence[str], tops: Sequence[int], resamples: int, seed: int
) -> list[SlideScores]:
    """Score every way of predicting on the same spots and the same resamples of them.

    Args:
        spots: measured and predicted.
        genes: (g,) names, most variable first.
        tops: how many of the first genes a mean is taken over; each at most g.
        resamples: bootstrap draws of spots, for the 95 % intervals.
        seed: of the draws and clusterings.
    """
    true, found = cluster(spots.truth, seed), []
    for way, predicted in spots.predicted.items():
        clusters = cluster(predicted, seed)
        scores = score_genes(spots.truth, predicted)
        draws = bootstrap_pearson(spots.truth, predicted, resamples, seed)
        constant = np.isnan(scores.pearson)
        row: Row = {"scope": spots.scope, "name": spots.name, "patient": spots.patient, "by": way}
        row["spots"] = len(spots.truth)
        for top in tops:
            known = np.flatnonzero(~constant[:top])
            low, high = interval(draws[:, known].mean(axis=1)) if len(known) else (None, None)
            row |= {
                f"pearson@{top}": mean_where_defined(scores.pearson[:top]) if len(known) else None,
                f"pearson@{top}/low": low,
                f"pearson@{top}/high": high,
                f"l2@{top}": float(scores.l2[:top].mean()),
            }
        row |= agreement(true, clusters)
        row["constant_genes"] = ", ".join(np.array(genes, dtype=object)[constant])
        fold = FoldResult(0, tuple(genes), scores, draws, 0, len(spots.truth))
        found.append(SlideScores(row, TaskResult(spots.name, way, (fold,)), (true, clusters)))
    return found


def by_gene(scores: SlideScores) -> pd.DataFrame:
    """Return a row a gene: its Pearson r with a 95 % interval, its mean squared error and R²."""
    (fold,) = scores.genes.folds
    low, high = bounds(fold.draws)
    return pd.DataFrame(
        {key: scores.row[key] for key in ("scope", "name", "by")}
        | {"gene": fold.genes, "pearson": fold.scores.pearson, "low": low, "high": high}
        | {"l2_error": fold.scores.l2, "r2_score": fold.scores.r2}
    )
