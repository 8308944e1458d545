"""Pearson r gene by gene and fold by fold, of all spots and without each independent unit; and what follows of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from past.evaluation.statistics.jackknife import Estimate, jackknife, pearson_left_out
from past.evaluation.statistics.pearson import mean_where_defined
from past.evaluation.statistics.scores import TaskResult
from past.evaluation.statistics.units import Units


@dataclass(frozen=True)
class LeftOut:
    """Numbers of genes in folds, r or a difference in r.

    Attributes:
        units: the K independent units.
        members: for each fold, the numbers of its spots' units.
        genes: for each fold, those scored.
        values: for each fold, (g,) of all spots.
        without: for each fold, (K, g) without each unit's spots.
    """

    units: Units
    genes: Sequence[tuple[str, ...]]
    values: Sequence[np.ndarray]
    without: Sequence[np.ndarray]

    @staticmethod
    def of(result: TaskResult, units: Units | None = None) -> "LeftOut":
        """Leave out each of `units` in turn; None: those that the result's own residuals call for."""
        units = units or result.units
        without = [
            pearson_left_out(spots.truth, spots.predicted, members, units.count)
            for spots, members in zip(result.spots, units.members, strict=True)
        ]
        folds = result.folds
        return LeftOut(units, [fold.genes for fold in folds], [fold.scores.pearson for fold in folds], without)

    def minus(self, other: "LeftOut") -> "LeftOut":
        """Return the difference to another way of predicting the same spots, over the same units."""
        values, without = (
            [a - b for a, b in zip(getattr(self, name), getattr(other, name), strict=True)]
            for name in ("values", "without")
        )
        return LeftOut(self.units, self.genes, values, without)

    def mean(self, top: int | None = None) -> Estimate:
        """Return the mean over the first `top` genes that are defined, then over folds."""
        value = np.mean([mean_where_defined(values[:top]) for values in self.values])
        means = np.stack([mean_where_defined(without[:, :top], axis=1) for without in self.without])
        return jackknife(value, mean_where_defined(means, axis=0), self.units)

    def by_gene(self) -> tuple[list[str], Estimate]:
        """Return the G genes of any fold, and (G,) their means over the folds that score them.

        NaN where a gene is not defined in one of these.
        """
        names = list(dict.fromkeys(gene for genes in self.genes for gene in genes))
        scored = np.zeros((len(self.genes), len(names)), dtype=bool)
        values = np.full(scored.shape, np.nan)
        without = np.full((len(self.genes), self.units.count, len(names)), np.nan)
        has_say = np.zeros(without.shape[1:], dtype=bool)
        for fold, genes in enumerate(self.genes):
            columns = [names.index(gene) for gene in genes]
            scored[fold, columns], values[fold, columns] = True, self.values[fold]
            without[fold][:, columns] = self.without[fold]
            has_say[np.unique(self.units.members[fold])[:, None], columns] = True
        value = np.where(scored, values, 0).sum(axis=0) / scored.sum(axis=0)
        return names, jackknife(value, mean_where_defined(without, axis=0), self.units, has_say)
