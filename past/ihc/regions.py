"""Regions whose cells are scored together: all tissue, squares of a grid, outlines that a pathologist drew."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from past.base.errors import ConfigError, DataError, reading, require_number
from past.base.text.reading import read_json
from past.slides.regions import CURE, polygons_of

WHOLE: Final = "tissue"
GRID_UM: Final = 500.0


@dataclass(frozen=True)
class Region:
    """A region by its cells.

    Attributes:
        name: unique.
        cells: (n,) bool: which of all cells lie in it.
    """

    name: str
    cells: np.ndarray


def whole(cells: int) -> Region:
    """Return the region that holds all cells."""
    return Region(WHOLE, np.ones(cells, dtype=bool))


def grid(coords: np.ndarray, mpp: float, side: float = GRID_UM) -> list[Region]:
    """Return the squares of `side` µm that hold a cell, named by the µm of their upper left corner.

    Args:
        coords: (n, 2) pixels.
        mpp: µm a pixel.
        side: µm.
    """
    require_number("--grid", side, above=0.0)
    corners = np.floor(coords * mpp / side).astype(np.int64)
    found, number = np.unique(corners, axis=0, return_inverse=True)
    number = number.ravel()
    return [Region(f"x{x * side:g} y{y * side:g}", number == i) for i, (x, y) in enumerate(found.tolist())]


def drawn(path: Path, coords: np.ndarray) -> list[Region]:
    """Return the outlines of a GeoJSON file, in the pixels of `coords` (n, 2), each with its cells.

    An outline that crosses itself is mended; points and lines are passed over. Names are QuPath's, numbered where
    several are called the same.

    Raises:
        DataError: missing, no GeoJSON, no polygon in it, or no cell in any of them.
        ConfigError: shapely is not installed.
    """
    try:
        import shapely
    except ImportError as error:
        raise ConfigError(f"{path}: outlines need 'pip install past-pathology[cells]'") from error
    content = read_json(path, CURE)
    points = shapely.points(coords)
    found: list[Region] = []
    with reading(path, "no regions of a slide", CURE):
        features = content.get("features", [content]) if isinstance(content, dict) else content
        for number, feature in enumerate(features, 1):
            geometry = feature.get("geometry", feature)
            shape = shapely.make_valid(shapely.from_geojson(_text(geometry)))
            parts = polygons_of(shape)
            if parts:
                inside = np.asarray(shapely.intersects(shapely.union_all(parts), points))
                found.append(Region(_name(feature, number), inside))
    if not found:
        raise DataError(f"{path}: holds no polygon: {CURE}, areas and not points")
    if not any(region.cells.any() for region in found):
        raise DataError(
            f"{path}: none of the {len(coords):,} cells lies in its {len(found)} regions: of another slide, or in µm? "
            "give pixels of level 0"
        )
    return _apart(found)


def _text(geometry: Any) -> str:
    import json

    return json.dumps(geometry)


def _name(feature: dict[str, Any], number: int) -> str:
    said = feature.get("properties") or {}
    kind = said.get("classification") or {}
    return str(said.get("name") or (kind.get("name") if isinstance(kind, dict) else None) or f"region {number}")


def _apart(regions: list[Region]) -> list[Region]:
    names = [region.name for region in regions]
    seen: dict[str, int] = {}
    found = []
    for region in regions:
        seen[region.name] = seen.get(region.name, 0) + 1
        again = names.count(region.name) > 1
        found.append(Region(f"{region.name} {seen[region.name]}" if again else region.name, region.cells))
    return found
