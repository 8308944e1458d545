"""Figures as PNG bytes, the colours that all share, and a training's curves."""

import io
from collections.abc import Iterable
from itertools import cycle
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from past.base.errors import DataError
from past.base.text.tables import read_frame
from past.base.text.words import in_figure

mpl.rcParams["text.parse_math"] = False  # a name with two $ is a name, no formula that may be wrong

INK, ACCENT, QUIET, OTHER = "#22223b", "#b5179e", "#8d99ae", "#0a9396"
LOSSES = ("train/loss", "train/ln_batch")
CHANCE = ("/chance", "/ln_batch")  # how a column ends that says what chance would reach


def png(figure: Figure, dpi: int = 120) -> bytes:
    """Return a figure as PNG bytes and close it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, bbox_inches="tight", facecolor="white")
    plt.close(figure)
    return buffer.getvalue()


def panels(columns: Iterable[str]) -> dict[str, list[str]]:
    """Return what a model logs of itself (`train/…`, `val/…`) as title → columns of one panel.

    The loss stands beside that of chance (`train/ln_batch`), and `val/a`, `val/a/b`, `val/a/c` in one panel.
    """
    found: dict[str, list[str]] = {}
    for column in columns:
        place, name, *_ = [*column.split("/"), ""]
        if place in ("train", "val"):
            found.setdefault("loss" if column in LOSSES else f"{place}/{name}", []).append(column)
    return found


def read_metrics(run: Path) -> pd.DataFrame:
    """Read what a training logged, `metrics.csv` in the run's directory.

    Raises:
        DataError: missing, no table, without its steps, or with a column that holds no numbers.
    """
    path, cure = run / "metrics.csv", "give the directory of a run"
    metrics = read_frame(path, cure)
    words = [name for name, kind in metrics.dtypes.items() if kind.kind not in "iuf"]
    if "step" not in metrics or words:
        raise DataError(f"{path}: {f'no numbers in {words[0]!s:.80}' if words else 'no column step'}: {cure}")
    return metrics


def training_curves(metrics: pd.DataFrame) -> Figure:
    """Draw what a model logs of its training and its validation over updates, in rows of three panels.

    Args:
        metrics: the run's `metrics.csv`.
    """
    drawn = panels(metrics) or {"loss": []}
    rows = -(-len(drawn) // 3)
    figure, axes = plt.subplots(rows, min(3, len(drawn)), figsize=(4 * min(3, len(drawn)), 3 * rows), squeeze=False)
    for axis in axes.flat[len(drawn) :]:
        axis.remove()
    for axis, (title, columns) in zip(axes.flat, drawn.items(), strict=False):
        colours = cycle((ACCENT, INK, OTHER))
        for column in columns:
            points = metrics[["step", column]].dropna()
            colour = QUIET if column.endswith(CHANCE) else next(colours)
            axis.plot(points["step"], points[column], color=colour, label=in_figure(column), lw=1.5)
        axis.set_title(in_figure(title), loc="left", color=INK)
        axis.set_xlabel("update")
        axis.spines[["top", "right"]].set_visible(False)
        if axis.lines:
            axis.legend(frameon=False, fontsize=8)
    figure.tight_layout()
    return figure
