"""What one way of predicting scored: a fold, and a task of folds."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from past.evaluation.statistics.genes import GeneScores, score_genes
from past.evaluation.statistics.units import Places, Units, independent_units


@dataclass(frozen=True)
class Judged:
    """The n test spots of a fold.

    Attributes:
        truth: (n, g) measured log1p expression.
        predicted: (n, g).
        places: where they lie.
    """

    truth: np.ndarray
    predicted: np.ndarray
    places: Places


@dataclass(frozen=True)
class FoldResult:
    """Scores of one encoder on one fold.

    Attributes:
        number: k of test_<k>.csv.
        genes: those scored.
        scores: per gene.
        n_train: training spots.
        n_test: test spots.
        spots: what the scores are of; None where only these are kept.
    """

    number: int
    genes: tuple[str, ...]
    scores: GeneScores
    n_train: int
    n_test: int
    spots: Judged | None = None

    @staticmethod
    def of(number: int, genes: tuple[str, ...], spots: Judged, n_train: int) -> "FoldResult":
        """Score the spots."""
        return FoldResult(number, genes, score_genes(spots.truth, spots.predicted), n_train, len(spots.truth), spots)


@dataclass(frozen=True)
class TaskResult:
    """One encoder on one task: the folds that ran, at least one."""

    task: str
    encoder: str
    folds: tuple[FoldResult, ...]

    @cached_property
    def units(self) -> Units:
        """What is independent of each other among the test spots of all folds."""
        return independent_units([(spots.places, spots.truth - spots.predicted) for spots in self.spots])

    @property
    def spots(self) -> list[Judged]:
        """The test spots of every fold."""
        return [fold.spots for fold in self.folds if fold.spots]

    @property
    def without_spots(self) -> "TaskResult":
        """The scores alone, which take no memory."""
        return replace(self, folds=tuple(replace(fold, spots=None) for fold in self.folds))

    @property
    def as_in_library(self) -> "TaskResult":
        """The same with NaN for a gene whose prediction is constant, where ours is 0: the HEST library writes that."""
        folds = [
            replace(fold, scores=replace(fold.scores, pearson=np.where(fold.scores.flat, np.nan, fold.scores.pearson)))
            for fold in self.folds
        ]
        return replace(self, folds=tuple(folds))

    @property
    def by_gene(self) -> dict[str, np.ndarray]:
        """Gene → Pearson r in each fold that scores it; usually all folds score the same genes."""
        found: dict[str, list[float]] = {}
        for fold in self.folds:
            for gene, r in zip(fold.genes, fold.scores.pearson, strict=True):
                found.setdefault(gene, []).append(float(r))
        return {gene: np.array(values) for gene, values in found.items()}

    @property
    def fold_means(self) -> np.ndarray:
        """(folds,) mean Pearson r over genes."""
        return np.array([fold.scores.pearson.mean() for fold in self.folds])

    @property
    def summary(self) -> dict[str, Any]:
        """What the HEST library says of an encoder on a task: mean and population deviation of the folds' mean r."""
        means = self.fold_means
        return {"encoder_name": self.encoder, "pearson_mean": float(means.mean()), "pearson_std": float(means.std())}
