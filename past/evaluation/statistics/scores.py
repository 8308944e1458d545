"""What one way of predicting scored: a fold, and a task of folds."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from past.evaluation.statistics.genes import GeneScores


@dataclass(frozen=True)
class FoldResult:
    """Scores of one encoder on one fold.

    Attributes:
        number: k of test_<k>.csv.
        genes: those scored.
        scores: per gene.
        draws: (resamples, g) bootstrapped Pearson r.
        n_train: training spots.
        n_test: test spots.
    """

    number: int
    genes: tuple[str, ...]
    scores: GeneScores
    draws: np.ndarray
    n_train: int
    n_test: int


@dataclass(frozen=True)
class TaskResult:
    """One encoder on one task: the folds that ran, at least one."""

    task: str
    encoder: str
    folds: tuple[FoldResult, ...]

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
