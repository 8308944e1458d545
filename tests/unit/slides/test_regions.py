"""Regions that a pathologist drew, as QuPath exports them."""

import json
from pathlib import Path

import pytest

from past.base.errors import DataError
from past.slides.regions import polygons_of, read_regions

shapely = pytest.importorskip("shapely", reason="the extra 'spatial' is not installed")


def square(x: float, y: float, side: float) -> dict:
    ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    return {"type": "Polygon", "coordinates": [ring]}


def written(folder: Path, content: object) -> Path:
    (folder / "r.geojson").write_text(json.dumps(content))
    return folder / "r.geojson"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda shapes: {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": s} for s in shapes]},
        lambda shapes: [{"type": "Feature", "geometry": s, "properties": {}} for s in shapes],
        lambda shapes: {"type": "GeometryCollection", "geometries": shapes},
        lambda shapes: {"type": "MultiPolygon", "coordinates": [s["coordinates"] for s in shapes[:2]]},
    ],
)  # fmt: skip
def test_every_form_of_geojson_is_read(tmp_path: Path, wrap) -> None:
    shapes = [square(10, 10, 20), square(50, 50, 100), {"type": "Point", "coordinates": [3, 3]}]
    regions = read_regions(written(tmp_path, wrap(shapes)), (100, 80))
    assert sorted(part.area for part in polygons_of(regions)) == [400.0, 50.0 * 30.0]


def test_a_polygon_that_crosses_itself_is_mended(tmp_path: Path) -> None:
    bow = {"type": "Polygon", "coordinates": [[[0, 0], [20, 20], [20, 0], [0, 20], [0, 0]]]}
    assert read_regions(written(tmp_path, bow), (100, 100)).area == pytest.approx(200)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ({"type": "Point", "coordinates": [1, 1]}, "holds no polygon"),
        ({"type": "FeatureCollection", "features": []}, "holds no polygon"),
        (square(500, 500, 10), r"lie outside the 100 × 100 px slide \(from 500, 500\): of another slide, or in µm"),
        ("words", "no regions of a slide"),
        ({"type": "Polygon", "coordinates": "x"}, "no regions of a slide"),
    ],
)
def test_what_is_no_region_is_said(tmp_path: Path, content: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_regions(written(tmp_path, content), (100, 100))
