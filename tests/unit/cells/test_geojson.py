"""GeoJSON as QuPath writes and opens it."""

import json
from pathlib import Path

import numpy as np
import pytest

from past.base.errors import DataError
from past.cells.geojson import read_geojson, write_geojson
from past.cells.nuclei import Nuclei

pytest.importorskip("shapely", reason="the extra 'cells' is not installed")
SQUARE = np.array([[0.0, 0.0], [10.1, 0.0], [10.0, 10.3], [0.0, 10.0]])


def same(one: Nuclei, other: Nuclei) -> None:
    np.testing.assert_array_equal(one.centres, other.centres)
    assert (one.names, one.types) == (other.names, other.types)
    assert (one.outlines is None) == (other.outlines is None)
    for mine, theirs in zip(one.outlines or (), other.outlines or (), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_written_and_read_is_equal(tmp_path: Path) -> None:
    outlined = Nuclei.outlined([SQUARE, SQUARE + 100 / 3], ["a", "b"], ["tumour", ""])
    points = Nuclei(np.array([[1 / 3, 2.0], [4.0, 5.0]]), names=("p", "q"))
    for nuclei in (outlined, points):
        write_geojson(tmp_path / "n.geojson", nuclei, {"DAB": np.array([0.5, np.nan])})
        same(read_geojson(tmp_path / "n.geojson"), nuclei)
    content = json.loads((tmp_path / "n.geojson").read_text())
    assert [feature["properties"].get("measurements") for feature in content["features"]] == [{"DAB": 0.5}, None]


def test_what_qupath_exports_is_read(tmp_path: Path) -> None:
    ring = [*SQUARE.tolist(), SQUARE[0].tolist()]
    large = [[x * 5, y * 5] for x, y in ring]
    features = [
        {"type": "Feature", "id": "one", "geometry": {"type": "Polygon", "coordinates": [large]},
         "nucleusGeometry": {"type": "Polygon", "coordinates": [ring]},
         "properties": {"objectType": "cell", "classification": {"name": "Tumor", "color": [1, 2, 3]}}},
        {"type": "Feature", "id": "two", "geometry": {"type": "MultiPolygon", "coordinates": [[ring], [large]]},
         "properties": {"objectType": "detection"}},
        {"type": "Feature", "geometry": {"type": "LineString", "coordinates": ring}, "properties": {}},
    ]  # fmt: skip
    (tmp_path / "n.geojson").write_text(json.dumps(features))
    found = read_geojson(tmp_path / "n.geojson")
    assert (found.names, found.types) == (("one", "two"), ("Tumor", ""))
    assert found.outlines is not None
    np.testing.assert_array_equal(found.outlines[0], SQUARE)
    np.testing.assert_array_equal(found.outlines[1], SQUARE * 5)
    points = {"type": "Feature", "geometry": {"type": "MultiPoint", "coordinates": [[1, 2], [3, 4]]}, "properties": {}}
    (tmp_path / "n.geojson").write_text(json.dumps({"features": [points]}))
    np.testing.assert_array_equal(read_geojson(tmp_path / "n.geojson").centres, [[1, 2], [3, 4]])


@pytest.mark.parametrize("text", ["{}", "[1]", '{"features": [{"geometry": {"type": "Polygon", "coordinates": 3}}]}'])
def test_what_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "n.geojson").write_text(text)
    with pytest.raises(DataError, match="no nuclei as QuPath writes them"):
        read_geojson(tmp_path / "n.geojson")


def test_annotations_beside_nuclei_are_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ring = [*SQUARE.tolist(), SQUARE[0].tolist()]

    def feature(kind: str, size: float) -> dict[str, object]:
        shape = {"type": "Polygon", "coordinates": [[[x * size, y * size] for x, y in ring]]}
        return {"type": "Feature", "geometry": shape, "properties": {"objectType": kind}}

    drawn = [feature("annotation", 50), feature("tile", 20)]
    (tmp_path / "n.geojson").write_text(json.dumps({"features": [*drawn, feature("detection", 1)]}))
    assert len(read_geojson(tmp_path / "n.geojson")) == 1
    assert "2 annotations, tiles and cores are left out: they are no nuclei" in caplog.text
    (tmp_path / "n.geojson").write_text(json.dumps({"features": [drawn[0], drawn[0]]}))
    assert len(read_geojson(tmp_path / "n.geojson")) == 2  # then they are the nuclei
