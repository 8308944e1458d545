"""Nuclei as GeoJSON, in and out, as QuPath knows it: points, polygons, and cells with a nucleus of their own."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from past.base.errors import DataError, reading
from past.base.files import atomic_file
from past.base.text.reading import read_json
from past.cells.nuclei import Nuclei

CURE: Final = "export the detections from QuPath as GeoJSON"
DRAWN: Final = ("annotation", "tile", "tma_core", "root")  # QuPath's objects that hold nuclei and are none
LIMIT: Final = 2 << 30  # bytes: some millions of outlines
log = logging.getLogger(__name__)
COLOURS: Final = ((181, 23, 158), (67, 97, 238), (42, 157, 143), (231, 111, 81), (108, 117, 125), (255, 183, 3))


def read_geojson(path: Path) -> Nuclei:
    """Read nuclei; of a QuPath cell its nucleus, of several pieces the largest.

    Raises:
        DataError: missing, no GeoJSON, or points and polygons in one file.
    """
    content = read_json(path, CURE, LIMIT)
    points, outlines, names, types = [], [], [], []
    with reading(path, "no nuclei as QuPath writes them", CURE):
        features = content.get("features", [content]) if isinstance(content, dict) else content
        drawn = [feature for feature in features if _object(feature) in DRAWN]
        if len(drawn) < len(features):  # else nuclei are annotations here
            features = [feature for feature in features if _object(feature) not in DRAWN]
            if drawn:
                log.warning("%s: %d annotations, tiles and cores are left out: they are no nuclei", path, len(drawn))
        for feature, kind, coordinates in _shapes(features):
            said = feature.get("properties") or {}
            if kind == "Point":
                points.append(np.asarray(coordinates, dtype=np.float64)[:2])
            else:
                ring = np.asarray(coordinates, dtype=np.float64)[:, :2]
                outlines.append(ring[:-1] if (ring[0] == ring[-1]).all() else ring)
            names.append(str(said.get("name") or feature.get("id") or f"cell{len(names):06d}"))
            types.append(str((said.get("classification") or {}).get("name") or ""))
        if points and outlines:
            raise DataError(f"{path}: {len(points):,} points beside {len(outlines):,} outlines: give one kind a file")
        known = types if any(types) else None
        if outlines:
            return Nuclei.outlined(outlines, _unique(names), known, str(path))
        return Nuclei(np.array(points).reshape(-1, 2), None, _unique(names), None if known is None else tuple(known))


def _object(feature: dict[str, Any]) -> str:
    """Return what QuPath calls a feature: detection, cell, annotation, …; "" where nobody says."""
    return str((feature.get("properties") or {}).get("objectType") or "")


def _shapes(features: Any) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Yield (feature, "Point" or "Polygon", coordinates) of every nucleus."""
    for feature in features:
        geometry = feature.get("nucleusGeometry") or feature.get("geometry", feature)
        kind, coordinates = geometry["type"], geometry["coordinates"]
        if kind == "MultiPoint":
            yield from ((feature if len(coordinates) == 1 else {}, "Point", place) for place in coordinates)
        elif kind == "Polygon":
            yield feature, kind, coordinates[0]
        elif kind == "MultiPolygon":
            yield feature, "Polygon", max((part[0] for part in coordinates), key=_area)
        elif kind == "Point":
            yield feature, kind, coordinates


def _area(ring: Any) -> float:
    x, y = np.asarray(ring, dtype=np.float64)[:, :2].T
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2


def _unique(names: list[str]) -> tuple[str, ...]:
    """Return names, numbered where any is not unique: QuPath lets several objects be called the same."""
    return tuple(names) if len(set(names)) == len(names) else tuple(f"{name} {i}" for i, name in enumerate(names))


def write_geojson(path: Path, nuclei: Nuclei, measured: dict[str, np.ndarray] | None = None) -> None:
    """Write nuclei as QuPath's detections, a feature each, with numbers (n,) that it shows as measurements.

    Raises:
        NoSpaceError: the disk is full.
    """
    kinds = sorted(set(nuclei.types or ()) - {""})
    with atomic_file(path) as file:
        file.write(b'{"type": "FeatureCollection", "features": [\n')
        for i in range(len(nuclei)):
            feature = _feature(nuclei, i, kinds, measured or {})
            file.write((",\n" if i else "").encode() + json.dumps(feature, ensure_ascii=False).encode())
        file.write(b"\n]}\n")


def _feature(nuclei: Nuclei, i: int, kinds: list[str], measured: dict[str, np.ndarray]) -> dict[str, Any]:
    if nuclei.outlines is None:
        geometry: dict[str, Any] = {"type": "Point", "coordinates": nuclei.centres[i].tolist()}
    else:
        ring = nuclei.outlines[i].tolist()
        geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    said: dict[str, Any] = {"objectType": "detection", "name": nuclei.names[i]}
    if nuclei.types is not None and nuclei.types[i]:
        colour = COLOURS[kinds.index(nuclei.types[i]) % len(COLOURS)]
        said["classification"] = {"name": nuclei.types[i], "color": list(colour)}
    numbers = {name: float(values[i]) for name, values in measured.items() if np.isfinite(values[i])}
    return {
        "type": "Feature",
        "geometry": geometry,
        "properties": said | ({"measurements": numbers} if numbers else {}),
    }
