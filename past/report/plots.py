"""Figures drawn from result files, as PNG bytes or files."""

import io
import json
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

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


def recall_bars(rows: pd.DataFrame, k: int) -> Figure:
    """Draw recall@k of every section: the model, the linear map, the cell-type ceiling, chance.

    Args:
        rows: `retrieval.csv`.
        k: which recall.
    """
    sections = rows.loc[rows["scope"] == "section"]
    names = list(dict.fromkeys(sections["name"]))
    matchers = list(dict.fromkeys(sections["matcher"]))
    figure, axis = plt.subplots(figsize=(max(4.0, 1.6 * len(names)), 3))
    width = 0.8 / len(matchers)
    for i, (matcher, colour) in enumerate(zip(matchers, (ACCENT, QUIET, INK), strict=False)):
        values = sections.loc[sections["matcher"] == matcher].set_index("name").loc[names]
        axis.bar(
            np.arange(len(names)) + (i - 0.5) * width, values[f"recall@{k}/mean"], width, color=colour, label=matcher
        )
    first = sections.loc[sections["matcher"] == matchers[0]].set_index("name").loc[names]
    places = np.arange(len(names))
    axis.hlines(first[f"recall@{k}/chance"], places - 0.45, places + 0.45, color=INK, linestyles=":", label="chance")
    if first[f"recall@{k}/ceiling"].notna().all():
        ceiling = first[f"recall@{k}/ceiling"]
        axis.hlines(ceiling, places - 0.45, places + 0.45, color=INK, linestyles="--", label="cell type known")
    axis.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axis.set_title(f"recall@{k}, mean of both directions", loc="left", color=INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8)
    return figure


def retrieval_examples(examples: Path) -> Figure:
    """Draw query crops, each with its own transcriptome's label and those of its five nearest.

    Args:
        examples: `retrieval_examples.npz`: crops (n, H, W, 3), truth (n,), nearest (n, 5), hit (n, 5).
    """
    with np.load(examples, allow_pickle=False) as file:
        crops, truth, nearest, hit = file["crops"], file["truth"], file["nearest"], file["hit"]
    figure, axes = plt.subplots(1, len(crops), figsize=(2.5 * len(crops), 3.4), squeeze=False)
    for axis, crop, own, names, found in zip(axes[0], crops, truth, nearest, hit, strict=True):
        axis.imshow(crop)
        axis.set_axis_off()
        axis.set_title(own, fontsize=9, color=INK)
        for line, (name, right) in enumerate(zip(names, found, strict=True)):
            axis.text(
                0.5, -0.08 - 0.11 * line, f"{line + 1}. {name}", transform=axis.transAxes, ha="center", va="top",
                fontsize=8, color=ACCENT if right else INK, fontweight="bold" if right else "normal",
            )  # fmt: skip
    figure.suptitle("A crop, its own transcriptome, and its five nearest (its own in colour)", fontsize=10, color=INK)
    return figure


def read_rows(path: Path) -> pd.DataFrame:
    """Read the tidy rows of a result file (`{"rows": [...]}`)."""
    return pd.DataFrame(json.loads(path.read_text())["rows"])
