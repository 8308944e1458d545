"""Nuclei from a file of any kind that is known, on their slide."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from past.base.errors import ConfigError, DataError, reading
from past.base.foreign.encoded import open_encoded
from past.base.foreign.memory import require_memory
from past.cells.geojson import read_geojson
from past.cells.nuclei import NEEDED, Nuclei, checked, on_slide
from past.cells.raster import nuclei_in
from past.cells.tables import read_cellvit, read_table
from past.slides.slide import Slide

if TYPE_CHECKING:
    import geopandas as gpd

LABELS: Final = (".tif", ".tiff", ".png")
KINDS: Final = (
    "give QuPath's .geojson, Xenium's cells.parquet or cell_boundaries.parquet, a .csv with x and y, CellViT's .json, "
    "or an image of labels (.tif)"
)


def read_nuclei(
    path: Path, slide: Slide, unit: str = "auto", place: Callable[[np.ndarray], np.ndarray] | None = None
) -> Nuclei:
    """Read a slide's nuclei, in pixels of its level 0.

    Args:
        path: of the file; its ending says what it is.
        slide: theirs.
        unit: "px" or "um"; "auto": Xenium's tables are in µm, all others in pixels.
        place: brings (n, 2) µm of a Xenium's morphology image to pixels of the slide, where it is aligned; None: the
            slide is that image.

    Raises:
        DataError: no such file, not nuclei, broken ones, outside the slide, or what looks like µm.
        ConfigError: no such unit, or an extra is not installed.
    """
    xenium, kind = False, path.suffix.lower()
    if not path.is_file():
        raise DataError(f"{path}: no such file of nuclei: {KINDS}")
    if kind == ".geojson":
        nuclei = read_geojson(path)
    elif kind == ".json":
        nuclei = read_cellvit(path)
    elif kind in (".csv", ".parquet"):
        nuclei, xenium = read_table(path)
    elif kind in LABELS:
        nuclei = _labels(path, slide.size)
    else:
        raise DataError(f"{path}: not nuclei that are known: {KINDS}")
    nuclei = checked(nuclei, str(path))
    if xenium and place is not None:
        return on_slide(nuclei.moved(place), slide, str(path), "px")
    return on_slide(nuclei, slide, str(path), "um" if xenium and unit == "auto" else unit)


def _labels(path: Path, size: tuple[int, int]) -> Nuclei:
    """Read an image whose pixels are numbers of nuclei; of a lower resolution than the slide's it is enlarged."""
    cure = "give an image of whole numbers, 0 where there is no nucleus"
    try:
        from tifffile import TiffFile
    except ImportError as error:
        raise ConfigError(f"{path}: labels need {NEEDED}") from error
    with reading(path, "not an image of labels", cure):
        if path.suffix.lower() == ".png":
            with open_encoded(path) as image:
                labels = np.asarray(image)
        else:
            with TiffFile(path) as file:
                page: Any = file.pages.first
                require_memory(int(np.prod(page.shape)) * 8, f"{path}: its pixels", cure)
                labels = page.asarray()
        if labels.ndim != 2 or labels.dtype.kind not in "iu":
            raise DataError(f"{path}: its pixels are {labels.dtype} of shape {labels.shape}: {cure}")
        least, most = int(labels.min(initial=0)), int(labels.max(initial=0))
        if least < 0 or most > labels.size:
            raise DataError(f"{path}: it numbers nuclei from {least:,} to {most:,} on {labels.size:,} pixels: {cure}")
    factor = size[0] / labels.shape[1]
    if abs(labels.shape[0] * factor - size[1]) > 2 * factor:
        raise DataError(
            f"{path}: {labels.shape[1]:,} × {labels.shape[0]:,} labels on a slide of {size[0]:,} × {size[1]:,} px: of "
            "another slide?"
        )
    return nuclei_in(labels.astype(np.int64)).scaled(factor)


def from_shapes(frame: "gpd.GeoDataFrame") -> Nuclei:
    """Return the nuclei of a wsidata's shapes (`wsi.shapes["cells"]`): points or polygons in pixels of level 0."""
    shapes = list(frame.geometry)
    names = [str(name) for name in frame.index]
    column = next((name for name in ("class", "name", "cell_type") if name in frame.columns), None)
    types = [str(kind) for kind in frame[column]] if column else None
    if all(shape.geom_type == "Point" for shape in shapes):
        centres = np.array([(shape.x, shape.y) for shape in shapes], dtype=np.float64).reshape(-1, 2)
        return checked(Nuclei(centres, None, tuple(names), None if types is None else tuple(types)), "shapes")
    rings = [max(getattr(shape, "geoms", [shape]), key=lambda part: part.area).exterior.coords for shape in shapes]
    outlines = [np.asarray(ring, dtype=np.float64)[:-1, :2] for ring in rings]
    return checked(Nuclei.outlined(outlines, names, types, "shapes"), "shapes")
