"""A section on one page, before hours are spent on it: its cells on its image, crops, counts and registration."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from past.base.files import atomic_file, require_own
from past.base.text.words import in_figure
from past.data.shards.cell_format import safe_name
from past.data.shards.settings import ShardSettings
from past.data.sources.registration import REACH_UM, Registration, judge
from past.data.sources.tissue import SectionSource, TissueSection

FOLDER: Final = "previews"
MADE_BY: Final = "past shards --preview"  # in a PNG's "Software"
CROPS: Final = 16
_LETTERS: Final = 160  # of a line of the title
_SIDE = 1_400  # px of the longer side of the drawn image


def preview(root: Path, source: SectionSource, settings: ShardSettings, genes: Sequence[str]) -> tuple[Path, list[str]]:
    """Draw a section into `<root>/previews/<section>.png`; return the file and what seems wrong, a sentence each.

    Raises:
        DataError: the section cannot be read at all.
        ConfigError: another picture has that name.
    """
    tissue = source.open(genes)
    found = judge(tissue)
    path = root / FOLDER / f"{safe_name(source.name)}.png"
    require_own(path, MADE_BY.encode())
    with atomic_file(path) as file:
        _draw(tissue, found, settings, file)
    return path, list(found.warnings)


def _draw(tissue: TissueSection, found: Registration, settings: ShardSettings, file: Any) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure: Any = Figure(figsize=(16, 9), layout="constrained")
    FigureCanvasAgg(figure)
    section = tissue.section
    words = f"{section.section}: {len(tissue):,} cells, {section.technology}, {section.organ}, {section.species}"
    lines = [f"{words}, {tissue.mpp:.4g} µm/px", *(f"! {warning}" for warning in found.warnings)]
    colour = "firebrick" if found.warnings else "black"
    # matplotlib's own wrapping reads formulas whatever `parse_math` says
    title = "\n".join(textwrap.fill(in_figure(line), _LETTERS) for line in lines)
    figure.suptitle(title, color=colour, fontsize=11, parse_math=False)
    left, right = figure.subfigures(1, 2, width_ratios=[1.3, 1])
    _cells(left.subplots(), tissue)
    crops, charts = right.subfigures(2, 1, height_ratios=[2.4, 1])
    _crops(crops, tissue, settings)
    counts, stain, moves = charts.subplots(1, 3)
    _counts(counts, tissue)
    _stain(stain, found)
    _moves(moves, found)
    figure.savefig(file, format="png", dpi=110, metadata={"Software": MADE_BY})


def _cells(axes: Any, tissue: TissueSection) -> None:
    from matplotlib.colors import LogNorm

    factor = 2 ** max(0, math.ceil(math.log2(max(tissue.image.size) / _SIDE)))
    axes.imshow(np.asarray(tissue.image.reduce(factor)))
    total = np.asarray(tissue.counts.sum(axis=1)).ravel()
    size = min(24.0, max(0.3, 8_000 / len(tissue)))
    edge = {"edgecolors": "black", "linewidths": 0.4 if size > 4 else 0}
    drawn = axes.scatter(*(tissue.centres / factor).T, c=total, s=size, cmap="summer", norm=LogNorm(), **edge)
    axes.figure.colorbar(drawn, ax=axes, label="counts of a cell", shrink=0.5)
    axes.set_xlabel(f"pixels of {factor * tissue.mpp:.3g} µm")


def _crops(figure: Any, tissue: TissueSection, settings: ShardSettings) -> None:
    shown = np.sort(np.random.default_rng(0).permutation(len(tissue))[:CROPS])
    figure.suptitle(f"crops of {settings.px} px at {settings.mpp or tissue.mpp:.3g} µm/px", fontsize=10)
    for axes, i in zip(figure.subplots(4, CROPS // 4).flat, (*shown, *[None] * CROPS), strict=False):
        axes.axis("off")
        if i is not None:
            record = next(tissue.records(px=settings.px, mpp=settings.mpp, neighbours=0, start=int(i)))
            axes.imshow(record.crop)
            axes.plot(settings.px / 2 - 0.5, settings.px / 2 - 0.5, "+", color="lime", markersize=8)


def _counts(axes: Any, tissue: TissueSection) -> None:
    total = np.asarray(tissue.counts.sum(axis=1)).ravel()
    axes.hist(np.log10(total), bins=30, color="slategrey")
    axes.set_title(f"counts of a cell, median {np.median(total):,.0f}", fontsize=9)
    axes.set_xlabel("log10")


def _stain(axes: Any, found: Registration) -> None:
    bins = np.linspace(0, max(found.under.max(), found.elsewhere.max(), 0.1), 30)
    axes.hist(found.elsewhere, bins=bins, alpha=0.6, color="goldenrod", label="random points")
    axes.hist(found.under, bins=bins, alpha=0.6, color="indigo", label="under cells")
    axes.set_title("stain (red density)", fontsize=9)
    axes.legend(fontsize=7)


def _moves(axes: Any, found: Registration) -> None:
    reach = (-REACH_UM, REACH_UM)
    axes.imshow(found.moved, extent=(*reach, *reach[::-1]), cmap="magma")
    axes.plot(0, 0, "+", color="cyan")
    axes.set_title(
        f"stain, cells moved by µm\npeak {found.best[0]:+.0f}, {found.best[1]:+.0f}; {found.clear:.1f} sd",
        fontsize=9,
    )
