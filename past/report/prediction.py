"""The page of a prediction: its slide, where its tiles lie, maps of genes over the tissue, and how it was made."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from anndata.io import read_elem
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from past.base.errors import DataError, reading
from past.base.files import write_atomically
from past.base.foreign.hdf5 import open_hdf5
from past.base.keys import Keys
from past.report.blocks import Block, as_table, page, picture
from past.report.html import write_over
from past.report.measured import scatter_figure
from past.report.plots import ACCENT, INK, plt, png

GENES: Final = 12  # maps on a page
SAMPLED: Final = 2_000  # rows by which the most varying genes are found
CURE: Final = "give an .h5ad that 'past predict' made"
PICTURE: Final = "hires"
Pearson = Callable[[np.ndarray, np.ndarray], np.ndarray]  # measured and predicted (n, g) → (g,) r


@dataclass(frozen=True)
class Prediction:
    """What a page shows of a prediction.

    Attributes:
        name: of the file.
        places: (n, 2) centres in pixels of the slide.
        values: (n, g) of the genes that are drawn.
        genes: (g,) their names.
        of_genes: how many are predicted.
        picture: the slide made smaller, where it is there.
        factor: pixels of that per pixel of the slide.
        side: of a tile in pixels of the slide; 0: not known.
        made: how it was made.
        slide: what is known of the slide.
        measured: (n, g) log1p of counts of the same spots, NaN of a gene that was not counted; None: nothing measured.
    """

    name: str
    places: np.ndarray
    values: np.ndarray
    genes: list[str]
    of_genes: int
    picture: np.ndarray | None
    factor: float
    side: float
    made: Mapping[str, Any]
    slide: Mapping[str, Any]
    measured: np.ndarray | None = None


def read_prediction(path: Path, genes: Sequence[str] | None = None) -> Prediction:
    """Read a prediction, and of its values only the genes that are drawn: those asked for, else the most varying.

    Raises:
        DataError: missing, no prediction, or without a gene that is asked for.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such prediction: {CURE}")
    with open_hdf5(path) as file, reading(path, "no prediction", CURE):
        groups: Any = file
        table: Any = {key: read_elem(groups[key]) for key in ("obs", "var", "uns", "obsm")}
        if Keys.PAST not in table["uns"]:
            raise DataError(f"{path}: no uns['{Keys.PAST}'], so no prediction of ours: {CURE}")
        names, values = list(map(str, table["var"].index)), groups["X"]
        columns = _columns(path, names, values, genes)
        drawn = np.stack([np.asarray(values[:, column]) for column in columns], axis=1)
        places = np.asarray(table["obsm"][Keys.SPATIAL], dtype=np.float64)[:, :2]
        library: Any = next(iter(table["uns"].get(Keys.SPATIAL, {}).values()), {})
        factors = library.get("scalefactors", {})
        return Prediction(
            name=path.stem,
            places=places,
            values=drawn,
            genes=[names[column] for column in columns],
            of_genes=len(names),
            picture=np.asarray(library["images"][PICTURE]) if library else None,
            factor=float(factors.get(f"tissue_{PICTURE}_scalef", 1.0)),
            side=float(factors.get("spot_diameter_fullres", 0.0)),
            made=table["uns"][Keys.PAST],
            slide=table["uns"].get("slide", {}),
            measured=_measured(groups, table["var"], columns),
        )


def _measured(groups: Any, var: pd.DataFrame, columns: Sequence[int]) -> np.ndarray | None:
    if f"layers/{Keys.MEASURED}" not in groups:
        return None
    counted = var[Keys.MEASURED].to_numpy(bool)[columns]
    counts: Any = read_elem(groups[f"layers/{Keys.MEASURED}"])
    return np.where(counted, counts[:, columns].toarray().astype(np.float64), np.nan)


def prediction_page(prediction: Prediction, pearson: Pearson) -> str:
    """Return the page as HTML; `pearson` gives each gene's r."""
    tiles, skipped = len(prediction.places), prediction.slide.get("skipped", 0)
    said = f"{tiles:,} tiles × {prediction.of_genes:,} genes"
    left_out = f" {skipped:,} tiles could not be read and were left out." if skipped else " No tile was left out."
    blocks = [
        Block("Slide", text=f"{said}.{left_out}", image=picture(tiles_figure(prediction))),
        Block("Expression over the tissue", text=_which(prediction), image=picture(genes_figure(prediction))),
        Block("How it was made", table=_facts(prediction)),
    ]
    if prediction.measured is not None:
        text = "At the same spots; r is Pearson's."
        blocks.insert(2, Block("Predicted against measured", text=text, image=picture(_scatter(prediction, pearson))))
    return page(prediction.name, said, blocks)


def _scatter(prediction: Prediction, pearson: Pearson) -> Figure:
    measured, predicted = prediction.measured, prediction.values.astype(np.float64)
    assert measured is not None
    return scatter_figure(prediction.genes, measured, predicted, pearson(measured, predicted))


def write_prediction_page(path: Path, pearson: Pearson) -> Path:
    """Draw a prediction's page beside it, `<name>.html`, and return its path.

    Raises:
        DataError: see `read_prediction`.
        ConfigError: another program's file is there.
    """
    return write_over(path.with_suffix(".html"), prediction_page(read_prediction(path), pearson))


def write_maps(path: Path, folder: Path, pearson: Pearson) -> list[Path]:
    """Draw the genes of a prediction's page, a picture each: `<folder>/<prediction>_<gene>.png`; return the paths.

    Of spots that were measured, a scatter a gene too: `<folder>/<prediction>_<gene>_measured.png`.
    """
    prediction, written = read_prediction(path), []
    for column, (gene, values) in enumerate(zip(prediction.genes, prediction.values.T, strict=True)):
        safe = re.sub(r"[^\w.-]", "_", gene)
        written.append(folder / f"{prediction.name}_{safe}.png")
        one = replace(prediction, genes=[gene], values=values[:, None])
        write_atomically(written[-1], png(genes_figure(one)))
        if prediction.measured is not None:
            one = replace(one, measured=prediction.measured[:, [column]])
            written.append(folder / f"{prediction.name}_{safe}_measured.png")
            write_atomically(written[-1], png(_scatter(one, pearson)))
    return written


def tiles_figure(prediction: Prediction) -> Figure:
    """Draw the slide and the outline of every tile on it."""
    figure, axes = plt.subplots(1, 2, figsize=(11, 5), squeeze=False)
    for axis in axes[0]:
        _slide(axis, prediction)
    _tiles(axes[0, 1], prediction, facecolors="none", edgecolors=ACCENT, linewidths=0.4)
    for axis, title in zip(axes[0], ("the slide", "its tiles"), strict=True):
        axis.set_title(title, loc="left", fontsize=10, color=INK)
    return figure


def genes_figure(prediction: Prediction) -> Figure:
    """Draw each gene's map over the slide, in rows of three."""
    count = len(prediction.genes)
    columns = min(3, count)
    rows = -(-count // columns)
    width, height = np.ptp(prediction.places, axis=0) if prediction.picture is None else prediction.picture.shape[1::-1]
    tall = float(np.clip(height / max(width, 1), 0.35, 1.5))
    figure, axes = plt.subplots(rows, columns, figsize=(3.7 * columns, (3.0 * tall + 0.6) * rows), squeeze=False)
    for axis in axes.flat[count:]:
        axis.remove()
    for axis, gene, values in zip(axes.flat, prediction.genes, prediction.values.T, strict=False):
        _slide(axis, prediction)
        drawn = _tiles(axis, prediction, array=values, cmap="viridis", alpha=0.8, linewidths=0)
        axis.set_title(gene, loc="left", fontsize=10, color=INK)
        figure.colorbar(drawn, ax=axis, shrink=0.7)
    return figure


def _slide(axis: Axes, prediction: Prediction) -> None:
    if prediction.picture is not None:
        height, width = prediction.picture.shape[:2]
        extent = (0, width / prediction.factor, height / prediction.factor, 0)
        axis.imshow(prediction.picture, extent=extent, alpha=0.9)
    else:
        axis.invert_yaxis()
        axis.autoscale()
    axis.set_aspect("equal")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)


def _tiles(axis: Axes, prediction: Prediction, **style: Any) -> PolyCollection:
    half = (prediction.side or _spacing(prediction.places)) / 2
    square = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    drawn = PolyCollection(prediction.places[:, None] + square, **style)  # type: ignore[arg-type]
    axis.add_collection(drawn)
    return drawn


def _spacing(places: np.ndarray) -> float:
    """Return the distance of neighbours on a square grid of as many places over the same area."""
    width, height = np.ptp(places, axis=0) if len(places) else (1.0, 1.0)
    return max(1.0, float(np.sqrt(max(width, 1.0) * max(height, 1.0) / max(len(places), 1))))


def _columns(path: Path, names: list[str], values: Any, genes: Sequence[str] | None) -> list[int]:
    if genes is not None:
        absent = [gene for gene in genes if gene not in names]
        if absent:
            raise DataError(f"{path}: {', '.join(absent[:5])} not predicted: ask for genes of its {len(names)}")
        return [names.index(gene) for gene in genes]
    if len(names) <= GENES:
        return list(range(len(names)))
    step = max(1, len(values) // SAMPLED)
    spread = np.asarray(values[::step]).std(axis=0)
    return np.argsort(-spread, kind="stable")[:GENES].tolist()


def _which(prediction: Prediction) -> str:
    shown = len(prediction.genes)
    chosen = "" if shown == prediction.of_genes else f", the {shown} that vary most of {prediction.of_genes:,}"
    return f"log1p of predicted counts{chosen}."


def _facts(prediction: Prediction) -> str:
    facts = {**prediction.slide, **prediction.made}
    return as_table(pd.DataFrame({"fact": list(facts), "value": [str(value) for value in facts.values()]}))
