"""Regions of a slide that a pathologist drew: GeoJSON, as QuPath exports it, in pixels of level 0."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from past.base.errors import DataError, reading
from past.base.text.reading import read_json

if TYPE_CHECKING:
    from shapely import Geometry, Polygon

CURE: Final = "export the annotations from QuPath as GeoJSON"
DEEPEST: Final = 8  # collections within collections


def read_regions(path: Path, size: tuple[int, int]) -> "Geometry":
    """Return the union of a file's polygons; other shapes (points, lines) are passed over.

    Args:
        path: `.geojson`: a feature, a collection of features, or a geometry.
        size: width and height of the slide.

    Raises:
        DataError: missing, no GeoJSON, no polygon in it, or none that lies on the slide.
    """
    import shapely

    content = read_json(path, CURE)
    with reading(path, "no regions of a slide", CURE):
        parts = [shapely.make_valid(shapely.from_geojson(_text(part))) for part in _geometries(content)]
    drawn = shapely.union_all([part for shape in parts for part in polygons_of(shape)])
    if drawn.is_empty:
        raise DataError(f"{path}: holds no polygon: {CURE}, areas and not points")
    inside = shapely.intersection(drawn, shapely.box(0, 0, *size))
    if not polygons_of(inside):
        raise DataError(
            f"{path}: its regions lie outside the {size[0]:,} × {size[1]:,} px slide (from "
            f"{drawn.bounds[0]:,.0f}, {drawn.bounds[1]:,.0f}): of another slide, or in µm? give pixels of level 0"
        )
    return inside


def polygons_of(shape: "Geometry") -> "list[Polygon]":
    """Return the polygons of a shape with an area, those of collections too."""
    import shapely

    parts: Any = shapely.get_parts(shapely.get_parts(shape))
    return [part for part in parts if part.geom_type == "Polygon" and part.area > 0]


def _geometries(content: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if depth > DEEPEST:
        raise ValueError("collections within collections")
    if isinstance(content, list):  # what QuPath writes without "export as FeatureCollection"
        content = {"features": content}
    if not isinstance(content, dict):
        raise ValueError("no GeoJSON")
    for key in ("features", "geometries"):
        for part in content.get(key) or ():
            yield from _geometries(part, depth + 1)
    if content.get("geometry") is not None:
        yield from _geometries(content["geometry"], depth + 1)
    elif "coordinates" in content:
        yield content


def _text(geometry: dict[str, Any]) -> str:
    import json

    return json.dumps({"type": geometry.get("type"), "coordinates": geometry["coordinates"]})
