"""What is predicted of each gene against what was measured at the same spots."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from past.report.plots import ACCENT, INK, plt


def scatter_figure(genes: Sequence[str], measured: np.ndarray, predicted: np.ndarray, r: np.ndarray) -> Figure:
    """Draw a scatter a gene, in rows of three, its r in the title.

    Args:
        genes: (g,) names.
        measured: (n, g) log1p of counts; NaN: not measured.
        predicted: (n, g) log1p of predicted counts.
        r: (g,) Pearson's; NaN where none is defined.
    """
    columns = min(3, len(genes))
    rows = -(-len(genes) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3.7 * columns, 3.6 * rows), squeeze=False)
    for axis in axes.flat[len(genes) :]:
        axis.remove()
    for axis, gene, truth, values, one in zip(axes.flat, genes, measured.T, predicted.T, r, strict=False):
        axis.scatter(truth, values, s=6, color=ACCENT, alpha=0.4, linewidths=0)
        axis.set_title(f"{gene}: {said_of(truth, float(one))}", loc="left", fontsize=10, color=INK)
        axis.set_xlabel("measured, log1p counts")
        axis.set_ylabel("predicted, log1p counts")
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def said_of(measured: np.ndarray, r: float) -> str:
    """Return r as people read it, or why there is none."""
    if np.isnan(measured).all():
        return "not measured"
    return "measured the same everywhere: no r" if np.isnan(r) else f"r = {r:.2f}"
