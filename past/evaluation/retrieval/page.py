"""A run's retrieval as blocks of its page: recall beside chance and a linear map, and what a few crops find."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from past.base.foreign.arrays import read_npz
from past.base.text.words import in_figure
from past.evaluation.results import NOT_AS_WRITTEN, summary_to_draw
from past.report.blocks import Block, as_table, digits, picture
from past.report.intervals import METHOD, stands_on, with_interval
from past.report.plots import ACCENT, INK, QUIET, plt


def blocks(results: Path) -> list[Block]:
    """Return what was judged in `results`; nothing where it was not."""
    path = results / "retrieval.json"
    if not path.is_file():
        return []
    with summary_to_draw(path) as content:
        return _drawn(results, content)


def _drawn(results: Path, content: dict[str, Any]) -> list[Block]:
    rows = pd.DataFrame(content["rows"])
    ks = [int(name.removeprefix("recall@").removesuffix("/mean")) for name in rows.columns if name.endswith("/mean")]
    k = 5 if 5 in ks else ks[0]
    return [
        _scores(rows, ks),
        *_paired(content["paired"]),
        Block("Recall by section", image=picture(recall_bars(rows, k))),
        Block("What a crop finds", image=picture(retrieval_examples(results / "retrieval_examples.npz"))),
    ]


def _scores(rows: pd.DataFrame, ks: Sequence[int]) -> Block:
    text = (
        "Recall@k of a pair within its section, the mean of both directions, with chance; beside a linear map. What is "
        f"judged of a cell is whether it is found, and so are the residuals. {METHOD}"
    )
    shown = rows.filter(["scope", "name", "patient", "matcher", "cells"]).astype({"cells": int})
    records = rows.to_dict("records")
    for k in ks:
        ends = [[row[f"recall@{k}/{which}"] for which in ("mean", "low", "high")] for row in records]
        shown[f"recall@{k}"] = [with_interval(*values, places=3) for values in ends]
        shown[f"chance@{k}"] = rows[f"recall@{k}/chance"]
    low = f"recall@{ks[0]}/low"
    shown["independent units"] = [stands_on({**row, "low": row[low]}) for row in records]
    return Block("Retrieval", text, table=as_table(shown, decimals=3))


def _paired(pairs: Sequence[dict[str, Any]]) -> list[Block]:
    if not pairs:
        return []
    table = pd.DataFrame(pairs).filter(["scope", "name", "matcher", "other", "k"])
    table["difference"] = [with_interval(row["difference"], row["low"], row["high"], places=3) for row in pairs]
    table["p"] = [digits(row["p"]) for row in pairs]
    table["independent units"] = list(map(stands_on, pairs))
    text = "The difference in recall@k, first less other, with its 95 % interval, over the same independent units."
    return [Block("Two by two", text, table=as_table(table, decimals=3))]


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
            np.arange(len(names)) + (i - 0.5) * width,
            values[f"recall@{k}/mean"],
            width,
            color=colour,
            label=in_figure(matcher),
        )
    first = sections.loc[sections["matcher"] == matchers[0]].set_index("name").loc[names]
    places = np.arange(len(names))
    axis.hlines(first[f"recall@{k}/chance"], places - 0.45, places + 0.45, color=INK, linestyles=":", label="chance")
    if first[f"recall@{k}/ceiling"].notna().all():
        ceiling = first[f"recall@{k}/ceiling"]
        axis.hlines(ceiling, places - 0.45, places + 0.45, color=INK, linestyles="--", label="cell type known")
    axis.set_xticks(range(len(names)), list(map(in_figure, names)), rotation=30, ha="right")
    axis.set_title(f"recall@{k}, mean of both directions", loc="left", color=INK)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8)
    return figure


def retrieval_examples(examples: Path) -> Figure:
    """Draw query crops, each with its own transcriptome's label and those of its five nearest.

    Args:
        examples: `retrieval_examples.npz`: crops (n, H, W, 3), truth (n,), nearest (n, 5), hit (n, 5).
    """
    file = read_npz(examples, *NOT_AS_WRITTEN)
    crops, truth, nearest, hit = file["crops"], file["truth"], file["nearest"], file["hit"]
    figure, axes = plt.subplots(1, len(crops), figsize=(2.5 * len(crops), 3.4), squeeze=False)
    for axis, crop, own, names, found in zip(axes[0], crops, truth, nearest, hit, strict=True):
        axis.imshow(crop)
        axis.set_axis_off()
        axis.set_title(in_figure(own), fontsize=9, color=INK)
        for line, (name, right) in enumerate(zip(names, found, strict=True)):
            axis.text(
                0.5, -0.08 - 0.11 * line, in_figure(f"{line + 1}. {name}"), transform=axis.transAxes, ha="center",
                va="top", fontsize=8, color=ACCENT if right else INK, fontweight="bold" if right else "normal",
            )  # fmt: skip
    figure.suptitle("A crop, its own transcriptome, and its five nearest (its own in colour)", fontsize=10, color=INK)
    return figure
