"""Figures of survival: curves with numbers at risk, bars of gene sets, maps of attention."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from past.base.text.words import in_figure
from past.report.plots import ACCENT, INK, OTHER, QUIET, plt


@dataclass(frozen=True)
class Group:
    """A group of patients as it is drawn.

    Attributes:
        times: (k,) months at which the curve steps.
        survival: (k,) from each on.
        censored: (c,) months at which somebody was last seen.
        at_risk: (t,) how many are still observed at each tick.
    """

    times: np.ndarray
    survival: np.ndarray
    censored: np.ndarray
    at_risk: Sequence[int]


def survival_figure(panels: Mapping[str, Mapping[str, Group]], ticks: np.ndarray) -> Figure:
    """Draw a panel a way side by side, a curve a group, and under it the numbers at risk at (t,) ticks in months."""
    figure, axes = plt.subplots(1, len(panels), figsize=(4.4 * len(panels), 3.7), sharey=True, squeeze=False)
    for axis, (title, groups) in zip(axes[0], panels.items(), strict=True):
        for row, ((name, group), colour) in enumerate(zip(groups.items(), (ACCENT, OTHER), strict=False)):
            axis.step(group.times, group.survival, where="post", color=colour, lw=1.6, label=in_figure(name))
            at = np.searchsorted(group.times, group.censored, side="right") - 1
            axis.plot(group.censored, group.survival[at], "|", color=colour, ms=5, alpha=0.6)
            for tick, number in zip(ticks, group.at_risk, strict=True):
                axis.annotate(
                    str(number), (tick, 0), xytext=(0, -42 - 12 * row), xycoords=("data", "axes fraction"),
                    textcoords="offset points", ha="center", fontsize=8, color=colour, annotation_clip=False,
                )  # fmt: skip
        axis.set(xlim=(0, ticks[-1] * 1.03), ylim=(0, 1.02), xticks=ticks)
        axis.set_title(in_figure(title), loc="left", fontsize=10, color=INK)
        axis.set_xlabel("months; below: patients at risk", labelpad=2)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=8, loc="upper right")
    axes[0][0].set_ylabel("survival")
    figure.tight_layout()
    return figure


def gene_set_figure(moved: pd.DataFrame) -> Figure:
    """Draw a bar a gene set: the mean over patients of how far it moves the risk; and the spread of the patients.

    Args:
        moved: columns gene_set, mean (of the sizes), low and high (quartiles of what it adds), largest first.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 0.6 + 0.24 * len(moved)), sharey=True)
    places = np.arange(len(moved))[::-1]
    left.barh(places, moved["mean"], color=ACCENT, height=0.6)
    left.set_yticks(places, [in_figure(name) for name in moved["gene_set"]], fontsize=8)
    left.set_title("mean size of what it adds", loc="left", fontsize=9, color=INK)
    right.hlines(places, moved["low"], moved["high"], color=QUIET, lw=3)
    right.axvline(0, color=INK, lw=0.7)
    right.set_title("half of the patients", loc="left", fontsize=9, color=INK)
    for axis in (left, right):
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def attention_figure(slides: Sequence[tuple[str, pd.DataFrame]]) -> Figure:
    """Draw a map a slide, in rows of three: tiles at their places, coloured by their rank in attention.

    Args:
        slides: title, and tiles with x, y, attention.
    """
    columns = min(3, len(slides))
    rows = -(-len(slides) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(3.4 * columns, 3.3 * rows), squeeze=False)
    for axis in axes.flat[len(slides) :]:
        axis.remove()
    for axis, (title, tiles) in zip(axes.flat, slides, strict=False):
        size = float(np.clip(20_000 / max(len(tiles), 1), 1, 60))
        axis.scatter(
            tiles["x"], tiles["y"], c=tiles["attention"].rank(pct=True), s=size, cmap="magma", marker="s", lw=0
        )
        axis.set_title(in_figure(title), loc="left", fontsize=8, color=INK)
        axis.set_aspect("equal")
        axis.invert_yaxis()
        axis.set_axis_off()
    figure.tight_layout()
    return figure
