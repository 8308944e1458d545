"""Which cells lie in which region."""

import json
from pathlib import Path

import numpy as np
import pytest

from past.base.errors import DataError
from past.ihc.regions import drawn, grid, whole

COORDS = np.array([[10.0, 10.0], [990.0, 10.0], [1010.0, 10.0], [10.0, 2500.0]])


def write(path: Path, features: list[dict]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def square(x: float, y: float, side: float, **properties: object) -> dict:
    ring = [[x, y], [x + side, y], [x + side, y + side], [x, y + side], [x, y]]
    return {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}, "properties": properties}


def test_the_grid_is_in_micrometres() -> None:
    squares = grid(COORDS, mpp=0.5, side=500)
    assert {part.name: np.flatnonzero(part.cells).tolist() for part in squares} == {
        "x0 y0": [0, 1], "x500 y0": [2], "x0 y1000": [3]
    }  # fmt: skip
    assert whole(4).cells.all()


def test_drawn_regions_have_qupaths_names(tmp_path: Path) -> None:
    pytest.importorskip("shapely")
    features = [
        square(0, 0, 1000, name="tumour"),
        square(1000, 0, 100, classification={"name": "stroma"}),
        square(5000, 0, 100, classification={"name": "stroma"}),
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [1, 1]}, "properties": {}},
    ]
    found = drawn(write(tmp_path / "r.geojson", features), COORDS)
    assert [(part.name, np.flatnonzero(part.cells).tolist()) for part in found] == [
        ("tumour", [0, 1]), ("stroma 1", [2]), ("stroma 2", [])
    ]  # fmt: skip


def test_regions_without_a_cell_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("shapely")
    with pytest.raises(DataError, match="none of the 4 cells lies in its 1 regions"):
        drawn(write(tmp_path / "r.geojson", [square(9000, 9000, 5)]), COORDS)
    with pytest.raises(DataError, match="holds no polygon"):
        drawn(write(tmp_path / "r.geojson", []), COORDS)
    (tmp_path / "r.geojson").write_text("[3]")
    with pytest.raises(DataError, match="no regions of a slide"):
        drawn(tmp_path / "r.geojson", COORDS)
