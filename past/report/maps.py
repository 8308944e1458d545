"""Figures of a benchmark run: bars by task, genes by encoder, maps of truth and prediction."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from past.base.text.words import in_figure
from past.report.plots import ACCENT, INK, QUIET, plt

COLOURS = (ACCENT, "#4361ee", "#2a9d8f", "#e76f51", "#6c757d", "#ffb703", "#7209b7", "#06d6a0")
JITTER = 0.12  # half width of a strip, in columns


def only(frame: pd.DataFrame, **values: object) -> pd.DataFrame:
    """Return the rows whose columns have these values."""
    for column, value in values.items():
        frame = cast("pd.DataFrame", frame.loc[frame[column] == value])
    return frame


def task_bars(scores: pd.DataFrame) -> Figure:
    """Draw each task's score with its 95 % interval, one bar an encoder.

    Args:
        scores: columns task, encoder, pearson_mean_without_nan, low, high.
    """
    tasks, encoders = list(dict.fromkeys(scores["task"])), list(dict.fromkeys(scores["encoder"]))
    figure, axis = plt.subplots(figsize=(max(5.0, 0.9 * len(tasks) * max(1, len(encoders) / 3)), 3.2))
    width = 0.8 / len(encoders)
    for i, encoder in enumerate(encoders):
        own = only(scores, encoder=encoder).set_index("task").reindex(tasks)
        value = own["pearson_mean_without_nan"].astype(float).to_numpy()
        spread = np.abs([value - own["low"].astype(float), own["high"].astype(float) - value])
        place = np.arange(len(tasks)) + (i - (len(encoders) - 1) / 2) * width
        axis.bar(place, value, width, label=in_figure(encoder), color=COLOURS[i % len(COLOURS)])
        axis.errorbar(place, value, spread, fmt="none", ecolor=INK, elinewidth=0.8)
    axis.axhline(0, color=INK, lw=0.6)
    axis.set_xticks(range(len(tasks)), list(map(in_figure, tasks)))
    axis.set_ylabel("Pearson r, mean over genes")
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def gene_strips(genes: pd.DataFrame) -> Figure:
    """Draw every gene's Pearson r, mean over folds, as a dot; a panel a task, a column an encoder.

    Args:
        genes: columns task, encoder, gene, pearson, one row a fold.
    """
    mean = genes.groupby(["task", "encoder", "gene"], sort=False)["pearson"].mean().reset_index()
    tasks, encoders = list(dict.fromkeys(mean["task"])), list(dict.fromkeys(mean["encoder"]))
    columns = min(4, len(tasks))
    rows = -(-len(tasks) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3.2 * columns, 2.8 * rows), squeeze=False, sharey=True)
    rng = np.random.default_rng(0)
    for axis, task in zip(axes.ravel(), tasks, strict=False):
        for i, encoder in enumerate(encoders):
            r = only(mean, task=task, encoder=encoder)["pearson"].to_numpy(np.float64)
            r = r[np.isfinite(r)]
            place = i + rng.uniform(-JITTER, JITTER, len(r))
            axis.scatter(place, r, s=9, alpha=0.7, color=COLOURS[i % len(COLOURS)], lw=0)
            if len(r):
                axis.hlines(r.mean(), i - 2 * JITTER, i + 2 * JITTER, color=INK, lw=1.2)
        axis.axhline(0, color=QUIET, lw=0.6)
        axis.set_title(in_figure(task), loc="left", fontsize=10, color=INK)
        axis.set_xticks(range(len(encoders)), list(map(in_figure, encoders)), rotation=30, ha="right", fontsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes.ravel()[len(tasks) :]:
        axis.set_axis_off()
    axes[0, 0].set_ylabel("Pearson r")
    return figure


def section_maps(sections: Sequence[tuple[str, pd.DataFrame, Sequence[tuple[str, float]]]]) -> Figure:
    """Draw truth and prediction of two genes for each section, a row a section.

    Args:
        sections: (title, predictions of its spots, (gene, Pearson r) of the best and the worst).
    """
    figure, axes = plt.subplots(len(sections), 4, figsize=(9, 2.3 * len(sections)), squeeze=False)
    for row, (title, spots, pair) in zip(axes, sections, strict=True):
        for i, (word, (gene, r)) in enumerate(zip(("best", "worst"), pair, strict=True)):
            for axis, kind in zip(row[2 * i : 2 * i + 2], ("truth", "predicted"), strict=True):
                values, size = spots[f"{kind}:{gene}"], min(40.0, 12_000 / len(spots))
                axis.scatter(spots["x"], spots["y"], size, values, cmap="viridis", lw=0, clip_on=False)
                _as_map(axis)
                note = f"{word}: {gene}, r = {r:.2f}" if kind == "truth" else kind
                axis.set_title(in_figure(note), fontsize=8, color=INK, loc="left")
        row[0].set_ylabel(in_figure(title), fontsize=8)
    return figure


def cluster_maps(sections: Sequence[tuple[str, pd.DataFrame]]) -> Figure:
    """Draw the clusters of truth beside those of the prediction, a pair a section, two sections a row.

    A predicted cluster has the colour of the true one that it shares most spots with; spots without a cluster are
    left out.

    Args:
        sections: (title, its spots with columns x, y, `truth cluster` and `predicted cluster`).
    """
    rows = -(-len(sections) // 2)
    figure, axes = plt.subplots(rows, 4, figsize=(9, 2.3 * rows), squeeze=False)
    pairs = axes.reshape(-1, 2)
    for pair, (title, spots) in zip(pairs, sections, strict=False):
        true, found = (spots[f"{kind} cluster"].to_numpy() for kind in ("truth", "predicted"))
        alike = np.array([np.bincount(true[found == one]).argmax() for one in range(found.max() + 1)])
        clusters = {"truth": true, "predicted": alike[found] if len(alike) else found}
        for axis, (kind, numbers) in zip(pair, clusters.items(), strict=True):
            known, size = spots[f"{kind} cluster"] >= 0, min(40.0, 12_000 / len(spots))
            colours = np.array(COLOURS)[numbers[known] % len(COLOURS)]
            axis.scatter(spots["x"][known], spots["y"][known], size, colours, lw=0, clip_on=False)
            axis.set_title(in_figure(f"{title}, {kind}"), fontsize=8, color=INK, loc="left")
    for axis in axes.ravel():
        _as_map(axis)
    return figure


def _as_map(axis: Axes) -> None:
    """Make an axis a map: y downwards as in the image, both axes of one scale, no frame."""
    axis.set_aspect("equal")
    axis.invert_yaxis()
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
