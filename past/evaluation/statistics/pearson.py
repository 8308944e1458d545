"""Pearson r gene by gene, and the one rule for what is constant; for trainings and tasks alike.

Where a gene is measured the same everywhere, no r is defined: NaN, which every mean leaves out, so that all ways of
predicting are averaged over the same genes. Where only the prediction is the same everywhere, it has no skill: 0.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torchmetrics import Metric


def gene_pearson(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return (g,) Pearson r of (spots, g) float64 measured and predicted expression."""
    t, p = truth - truth.mean(axis=0), predicted - predicted.mean(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (t * p).sum(axis=0) / np.sqrt((t**2).sum(axis=0) * (p**2).sum(axis=0))
    return np.where(is_constant(truth), np.nan, np.where(is_constant(predicted), 0.0, r))


def is_constant(expression: np.ndarray) -> np.ndarray:
    """Return (g,) bool: whether all (spots, g) values of a gene are one; a centred constant is not exactly 0."""
    return (expression == expression[:1]).all(axis=0)


def mean_where_defined(r: np.ndarray, axis: int | None = None) -> np.ndarray:
    """Return the mean over an axis (None: over all) of the values of r that are defined; NaN where none is."""
    defined = ~np.isnan(r)
    with np.errstate(invalid="ignore"):
        return np.where(defined, r, 0).sum(axis=axis) / defined.sum(axis=axis)


class GenePearson(Metric):
    """Mean Pearson r over a slide's most variable genes, then over the slides of all ranks; an `update` is a slide.

    `torchmetrics.PearsonCorrCoef` would pool the spots of all slides, and has no rule for constants.

    Args:
        tops: numbers of genes to average over.
    """

    higher_is_better = True
    full_state_update = False
    total: torch.Tensor
    slides: torch.Tensor

    def __init__(self, tops: Sequence[int]) -> None:
        super().__init__()
        self.tops = tuple(tops)
        zeros = torch.zeros(len(self.tops), dtype=torch.float64)
        self.add_state("total", zeros, dist_reduce_fx="sum")
        self.add_state("slides", zeros.long(), dist_reduce_fx="sum")

    def update(self, predicted: torch.Tensor, truth: torch.Tensor) -> None:
        """Take a slide's (spots, g) expression, the most variable gene first; it has no say where no gene varies."""
        r = gene_pearson(*(values.detach().double().cpu().numpy() for values in (truth, predicted)))
        means = torch.tensor([mean_where_defined(r[:top]) for top in self.tops], dtype=torch.float64)
        self.total = self.total + means.nan_to_num().to(self.total)
        self.slides = self.slides + (~means.isnan()).to(self.slides)

    def compute(self) -> dict[str, float]:
        """Return the means, keyed `pearson@50`, …; NaN where no slide has a say."""
        return {f"pearson@{top}": float(mean) for top, mean in zip(self.tops, self.total / self.slides, strict=True)}
