"""Nuclei in tables: Xenium's cells and boundaries (µm), and any with columns x and y; and CellViT's JSON."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from past.base.errors import DataError, reading
from past.base.foreign.arrays import read_parquet
from past.base.text.reading import read_json
from past.base.text.tables import read_frame
from past.base.vocabularies import word
from past.cells.nuclei import Nuclei

if TYPE_CHECKING:
    import pandas as pd

CURE: Final = "give columns x and y, or Xenium's cells.parquet or cell_boundaries.parquet"
PLACES: Final = (("x_centroid", "y_centroid"), ("x", "y"))
CORNERS: Final = ("vertex_x", "vertex_y")
LIMIT: Final = 2 << 30


def read_table(path: Path) -> tuple[Nuclei, bool]:
    """Read a .csv or .parquet; return the nuclei, and whether they are Xenium's, in µm of its morphology image.

    Raises:
        DataError: damaged, without places, or with one that is no number.
    """
    frame = read_parquet(path, "not a table", CURE) if path.suffix == ".parquet" else read_frame(path, CURE)
    if {"cell_id", *CORNERS} <= set(frame.columns):
        return _boundaries(frame, path), True
    pair = next((names for names in PLACES if set(names) <= set(frame.columns)), None)
    if pair is None:
        raise DataError(f"{path}: its columns are {', '.join(map(str, frame.columns[:6]))}: {CURE}")
    with reading(path, "a place that is no number", CURE):
        centres = frame[list(pair)].to_numpy(np.float64)
    column = next((name for name in ("cell_id", "name", "cell") if name in frame.columns), None)
    names = tuple(_names(frame[column])) if column else ()
    kind = next((name for name in ("cell_type", "type", "class") if name in frame.columns), None)
    types = tuple(word(value) or "" for value in frame[kind]) if kind else None
    return Nuclei(centres, None, names, types), pair == PLACES[0]


def _names(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _boundaries(frame: "pd.DataFrame", path: Path) -> Nuclei:
    """Return a nucleus a `cell_id`; where `label_id` tells several nuclei of a cell apart, its first."""
    with reading(path, "a corner that is no number", CURE):
        corners = frame[list(CORNERS)].to_numpy(np.float64)
    ids = np.array(_names(frame["cell_id"]), dtype=object)
    parts = frame["label_id"].to_numpy() if "label_id" in frame else np.zeros(len(frame))
    starts = np.flatnonzero(np.concatenate([[True], (ids[1:] != ids[:-1]) | (parts[1:] != parts[:-1])]))
    outlines, names = [], []
    seen: set[str] = set()
    for start, stop in zip(starts, [*starts[1:], len(ids)], strict=True):
        ring = corners[start:stop]
        if ids[start] not in seen:
            seen.add(ids[start])
            names.append(str(ids[start]))
            outlines.append(ring[:-1] if len(ring) and (ring[0] == ring[-1]).all() else ring)
    return Nuclei.outlined(outlines, names, where=str(path))


def read_cellvit(path: Path) -> Nuclei:
    """Read CellViT's `cells.json`: contours in pixels of level 0, and types by its own `type_map`.

    Raises:
        DataError: missing, or not such a file.
    """
    cure = "give the cells.json that CellViT wrote"
    content = read_json(path, cure, LIMIT)
    with reading(path, "not CellViT's cells", cure):
        cells = content["cells"]
        kinds = {str(number): str(name) for number, name in (content.get("type_map") or {}).items()}
        types = [kinds.get(str(cell.get("type")), word(cell.get("type")) or "") for cell in cells]
        if any("contour" not in cell for cell in cells):
            return Nuclei(np.array([cell["centroid"] for cell in cells], np.float64).reshape(-1, 2), types=tuple(types))
        outlines = [np.asarray(cell["contour"], dtype=np.float64).reshape(-1, 2) for cell in cells]
        return Nuclei.outlined(outlines, [f"cell{i:06d}" for i in range(len(cells))], types, str(path))
