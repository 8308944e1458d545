"""Cells as blocks of a run's page: expression by every way, types with their confusions, stains beside measurements."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from past.base.text.words import in_figure
from past.evaluation.results import summary_to_draw
from past.report.blocks import Block, as_table, digits, picture
from past.report.intervals import METHOD, PAIRED, paired_table, stands_on, with_interval
from past.report.plots import ACCENT, INK, QUIET, plt


def blocks(results: Path) -> list[Block]:
    """Return what was judged in `results`; nothing where it was not."""
    found: list[Block] = []
    for name, draw in _DRAWN.items():
        path = results / f"{name}.json"
        if path.is_file():
            with summary_to_draw(path) as content:
                found += draw(content)
    return found


def _expression(content: dict[str, Any]) -> list[Block]:
    rows = [row for row in content["rows"] if row["scope"] == "all"]
    table = pd.DataFrame({"by": [row["by"] for row in rows], "cells": [row["cells"] for row in rows]})
    for name, title in (("r_gene", "r by gene"), ("r_cell", "r by cell")):
        ends = [[row[f"{name}{end}"] for end in ("", "/low", "/high")] for row in rows]
        table[title] = [with_interval(*three, places=3) for three in ends]
    table["RMSE"] = [digits(row["rmse"], 3) for row in rows]
    table["r by gene, 50 µm"] = [digits(row["r_gene_50um"], 3) for row in rows]
    table["independent units"] = [stands_on({**row, "low": row["r_gene/low"]}) for row in rows]
    text = (
        f"Pearson r of log1p expression over the cells of held-out patients, mean over {len(content['genes'])} genes "
        "that vary most in the training cells; r of each cell over these genes, mean over cells; the same over squares "
        f"of 50 µm. {METHOD}"
    )
    found = [Block("Cells' expression", text, table=as_table(table))]
    if content["paired"]:
        leading = {"encoder": "first", "other": "other"}
        found.append(Block("Two by two", PAIRED, table=paired_table(content["paired"], leading)))
    return found


def _typing(content: dict[str, Any]) -> list[Block]:
    rows, names = content["rows"], content["types"]
    table: Any = pd.DataFrame(rows)[["by", "source", "cells", "macro_f1", "balanced_accuracy"]]
    table["accuracy"] = [
        with_interval(*(row[f"accuracy{end}"] for end in ("", "/low", "/high")), places=3) for row in rows
    ]
    text = (
        f"Types of cells of held-out patients; {content['left_out']} cells of no known type are left out. From "
        f"expression: the same way told the measured expression, its ceiling. {METHOD}"
    )
    best = max((row for row in rows if row["source"] == "image"), key=lambda row: row["macro_f1"])
    parts: Any = pd.DataFrame(best["by_type"])
    return [
        Block("Cells' types", text, table=as_table(table, decimals=3)),
        Block(f"Each type, by {best['by']}", table=as_table(parts, decimals=3)),
        Block(f"Confusions, {best['by']}", image=picture(confusions(np.array(best["confusion"]), names))),
    ]


def confusions(counts: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw a confusion matrix (c, c): rows are true types, shares of each in colour, counts in numbers."""
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axis = plt.subplots(figsize=(1.2 + 0.8 * len(names), 1 + 0.7 * len(names)))
    axis.imshow(share, cmap="PuRd", vmin=0, vmax=1)
    for i, j in np.ndindex(*counts.shape):
        if counts[i, j]:
            colour = "white" if share[i, j] > 0.6 else INK
            axis.text(j, i, str(int(counts[i, j])), ha="center", va="center", fontsize=8, color=colour)
    words = list(map(in_figure, names))
    axis.set_xticks(range(len(names)), words, rotation=40, ha="right", fontsize=8)
    axis.set_yticks(range(len(names)), words, fontsize=8)
    axis.set_xlabel("named")
    axis.set_ylabel("true")
    return figure


def _stain(content: dict[str, Any]) -> list[Block]:
    rows = pd.DataFrame(content["rows"])
    text = (
        "H-scores (0 to 300) of predicted beside measured expression of held-out patients. Thresholds of measured "
        "cells are quantiles of positive training cells; those of predictions are what as many training cells, left "
        "out in turn, reach. Lin's concordance; mean difference with its limits of agreement (Bland and Altman)."
    )
    rows = rows.rename(columns={"units": "sections"})
    table: Any = rows[["marker", "scope", "regions", "sections", "spearman", "lin"]]
    table["difference"] = [with_interval(row["difference"], row["low"], row["high"], 1) for row in content["rows"]]
    drawn = bland_altman(pd.DataFrame(content["regions"]))
    return [Block("Virtual IHC", text, table=as_table(table, decimals=3)), Block("Bland–Altman", image=picture(drawn))]


def bland_altman(regions: pd.DataFrame) -> Figure:
    """Draw difference over mean of predicted and measured H-scores, a panel a marker; squares grey, sections dark."""
    markers = list(dict.fromkeys(regions["marker"]))
    columns = min(4, len(markers))
    down = -(-len(markers) // columns)
    figure, axes = plt.subplots(down, columns, figsize=(3 * columns, 2.6 * down), squeeze=False, sharey=True)
    for axis in axes.flat[len(markers) :]:
        axis.remove()
    for axis, marker in zip(axes.flat, markers, strict=False):
        own = regions[regions["marker"] == marker]
        for is_whole, colour, size in ((False, QUIET, 14), (True, ACCENT, 30)):
            part = own[(own["region"] == "tissue") == is_whole]
            axis.scatter((part["measured"] + part["predicted"]) / 2, part["predicted"] - part["measured"],
                         s=size, color=colour, lw=0)  # fmt: skip
        apart = own.loc[own["region"] != "tissue", "predicted"] - own.loc[own["region"] != "tissue", "measured"]
        if len(apart) > 2:
            for y, style in ((apart.mean(), "-"), *((apart.mean() + s * 1.96 * apart.std(), ":") for s in (-1, 1))):
                axis.axhline(y, color=INK, lw=0.8, ls=style)
        axis.set_title(in_figure(marker), loc="left", fontsize=10, color=INK)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("predicted - measured")
    figure.supxlabel("mean of both H-scores", fontsize=9)
    figure.tight_layout()
    return figure


_DRAWN: Final[dict[str, Callable[[dict[str, Any]], list[Block]]]] = {
    "cell_expression": _expression,
    "cell_typing": _typing,
    "virtual_ihc": _stain,
}
