"""Scores of a marker that nobody stained for: from the cells' predicted, or measured, expression."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import issparse

from past.base.errors import DataError
from past.base.h5ad import read_places, require_inside
from past.base.keys import Keys
from past.ihc.markers import columns_of, read_markers
from past.ihc.regions import GRID_UM, Region, drawn, grid, whole
from past.ihc.scores import GRADES, Thresholds, score_regions
from past.models.past.cells.levels import LEVELS

UNLIKE: Final = "unlike_training"  # column of obs: cells that are not judged


def virtual_ihc(
    cells: AnnData,
    markers: Sequence[str] = ("HER2",),
    *,
    thresholds: Thresholds | None = None,
    regions: str | Path | None = None,
    grid_um: float | None = GRID_UM,
    marker_table: str | Path | None = None,
    name: str = "cells",
) -> pd.DataFrame:
    """Score markers over the tissue, squares of a grid and drawn regions; also `obs["<marker>_grade"]` of the cells.

    Args:
        cells: log1p expression, as `past.predict_cells` makes it. Cells that are unlike all training cells are counted
            and not judged.
        markers: names of `past.ihc.markers`, or genes.
        thresholds: of log1p expression, for all markers; None: those in `var`, which come with a prediction.
        regions: GeoJSON in the pixels of `obsm["spatial"]`.
        grid_um: side of the squares; None: no grid.
        marker_table: a CSV of markers and genes beside the known ones.
        name: of the cells in messages.

    Returns:
        A row a marker and region; see `past.ihc.scores.score_regions`.

    Raises:
        DataError: no places, a gene that the panel lacks, no thresholds, or no µm/px where a grid is asked for.
        ConfigError: thresholds that do not rise.
    """
    known = read_markers(Path(marker_table) if marker_table else None)
    coords = read_places(cells, name)
    asked = regions_of(cells, coords, regions, grid_um, name)
    known_cells = judged(cells)
    rows: list[dict[str, Any]] = []
    for marker in markers:
        intensity, levels = intensity_of(cells, marker, known, thresholds, name)
        grades = np.where(known_cells, levels.grades(intensity), np.int8(-1))
        words = pd.Categorical([GRADES[grade] if grade >= 0 else "not judged" for grade in grades])
        cells.obs[f"{marker}_grade"] = words
        rows += [{"marker": marker, **row} for row in score_regions(grades, coords, asked, name)]
    return pd.DataFrame(rows)


def judged(cells: AnnData) -> np.ndarray:
    """Return (n,) bool: which cells are like those of the training; all, where nobody says."""
    return ~np.asarray(cells.obs[UNLIKE], dtype=bool) if UNLIKE in cells.obs else np.ones(cells.n_obs, dtype=bool)


def regions_of(
    cells: AnnData, coords: np.ndarray, regions: str | Path | None, grid_um: float | None, name: str
) -> list[Region]:
    """Return all tissue, the drawn regions and the squares of a grid; errors as of `virtual_ihc`."""
    found = [whole(len(coords))]
    if regions is not None:
        found += drawn(Path(regions), coords)
    if grid_um is not None:
        mpp = mpp_of(cells)
        if mpp is None:
            raise DataError(f"{name}: says no µm/px, and a grid of {grid_um:g} µm needs it: leave it out by --grid 0")
        found += grid(coords, mpp, grid_um)
    return found


def mpp_of(cells: AnnData) -> float | None:
    """Return the µm a pixel that cells' places are in: of a prediction, or of a section's own description."""
    for slot, key in ((Keys.PAST, "mpp"), (Keys.META, "um_per_px")):
        said = cells.uns.get(slot)
        if isinstance(said, Mapping) and key in said:
            return float(said[key])
    return None


def intensity_of(
    cells: AnnData, marker: str, known: Mapping[str, tuple[str, ...]], thresholds: Thresholds | None, name: str
) -> tuple[np.ndarray, Thresholds]:
    """Return a marker's intensity (n,), the mean of its genes' log1p expression, and its thresholds."""
    columns = columns_of(marker, list(map(str, cells.var_names)), known)
    values: Any = cells.X
    picked = require_inside(values, name).tocsc()[:, columns].toarray() if issparse(values) else values[:, columns]
    intensity = np.asarray(picked, dtype=np.float64).mean(axis=1)
    if thresholds is not None:
        return intensity, thresholds
    if not all(level in cells.var for level in LEVELS):
        raise DataError(
            f"{name}: holds no thresholds (var['{LEVELS[0]}'], …), which come with a prediction of 'past cells': give "
            "them, as in --thresholds 0.5,1.5,2.5, of log1p expression"
        )
    levels = np.array([np.asarray(cells.var[level], np.float64)[columns].mean() for level in LEVELS])
    if not np.isfinite(levels).all():
        gene = cells.var_names[columns[0]]
        raise DataError(f"{name}: {gene} has too few levels in the bank for thresholds: give --thresholds")
    return intensity, Thresholds(*map(float, levels))
