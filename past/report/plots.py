"""Figures as PNG bytes, the colours that all share, and a training's curves."""

import io

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

mpl.rcParams["text.parse_math"] = False  # a name with two $ is a name, no formula that may be wrong

INK, ACCENT, QUIET = "#22223b", "#b5179e", "#8d99ae"


def png(figure: Figure, dpi: int = 120) -> bytes:
    """Return a figure as PNG bytes and close it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    return buffer.getvalue()


def training_curves(metrics: pd.DataFrame) -> Figure:
    """Draw the loss, beside ln(batch) where it is one of contrast, and what else a model logs, over updates.

    Args:
        metrics: the run's `metrics.csv`.
    """
    known = (
        ("loss", {"train/loss": ACCENT, "train/ln_batch": QUIET}),
        ("recall@5 within a section", {"val/recall@5/mean": ACCENT, "val/recall@5/chance": QUIET}),
        ("temperature", {"train/temperature": ACCENT}),
        ("Pearson r of 50 genes, held-out slides", {"val/pearson@50": ACCENT, "val/pearson@50/context": INK}),
    )
    panels = [panel for panel in known if any(column in metrics for column in panel[1])] or known[:1]
    figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 3), squeeze=False)
    for axis, (title, columns) in zip(axes[0], panels, strict=True):
        for column, colour in columns.items():
            if column in metrics:
                points = metrics[["step", column]].dropna()
                axis.plot(points["step"], points[column], color=colour, label=column, lw=1.5)
        axis.set_title(title, loc="left", color=INK)
        axis.set_xlabel("update")
        axis.spines[["top", "right"]].set_visible(False)
        if axis.lines:
            axis.legend(frameon=False, fontsize=8)
    return figure
