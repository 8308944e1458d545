"""Any known file of nuclei, on its slide."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from past.base.errors import DataError
from past.cells.geojson import write_geojson
from past.cells.nuclei import Nuclei
from past.cells.reading import from_shapes, read_nuclei
from past.slides.slide import Slide, slide_of_pixels

pytest.importorskip("shapely", reason="the extra 'cells' is not installed")


@pytest.fixture
def slide() -> Slide:
    return slide_of_pixels(Path("s.tif"), Image.new("RGB", (400, 300), (220, 150, 190)), 0.25)


def test_pixels_and_micrometres(tmp_path: Path, slide: Slide) -> None:
    write_geojson(tmp_path / "n.geojson", Nuclei(np.array([[380.0, 280.0], [10, 10]])))
    np.testing.assert_array_equal(read_nuclei(tmp_path / "n.geojson", slide).centres, [[380, 280], [10, 10]])
    frame = pd.DataFrame({"cell_id": ["a"], "x_centroid": [90.0], "y_centroid": [70.0]})
    frame.to_parquet(tmp_path / "cells.parquet")
    np.testing.assert_allclose(read_nuclei(tmp_path / "cells.parquet", slide).centres, [[360, 280]])
    aligned = read_nuclei(tmp_path / "cells.parquet", slide, place=lambda um: um[:, ::-1] * 2)
    np.testing.assert_allclose(aligned.centres, [[140, 180]])
    (tmp_path / "n.csv").write_text("x,y\n90,70\n20,20\n")
    with pytest.raises(DataError, match="in µm"):
        read_nuclei(tmp_path / "n.csv", slide)
    np.testing.assert_allclose(read_nuclei(tmp_path / "n.csv", slide, "um").centres, [[360, 280], [80, 80]])
    assert len(read_nuclei(tmp_path / "n.csv", slide, "px")) == 2


def test_an_image_of_labels_at_a_lower_resolution(tmp_path: Path, slide: Slide) -> None:
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("skimage")
    labels = np.zeros((150, 200), np.uint16)
    labels[10:20, 30:40], labels[100:140, 150:190] = 7, 300
    tifffile.imwrite(tmp_path / "labels.tif", labels)
    found = read_nuclei(tmp_path / "labels.tif", slide)
    assert found.names == ("7", "300")
    np.testing.assert_allclose(found.centres, [[70, 30], [340, 240]])
    tifffile.imwrite(tmp_path / "labels.tif", labels[:50])
    with pytest.raises(DataError, match=r"200 × 50 labels on a slide of 400 × 300 px"):
        read_nuclei(tmp_path / "labels.tif", slide)
    tifffile.imwrite(tmp_path / "labels.tif", labels.astype(np.float32))
    with pytest.raises(DataError, match="its pixels are float32"):
        read_nuclei(tmp_path / "labels.tif", slide)


def test_what_is_not_known_is_told(tmp_path: Path, slide: Slide) -> None:
    with pytest.raises(DataError, match="no such file of nuclei"):
        read_nuclei(tmp_path / "n.geojson", slide)
    (tmp_path / "n.xml").write_text("")
    with pytest.raises(DataError, match="not nuclei that are known"):
        read_nuclei(tmp_path / "n.xml", slide)


def test_shapes_of_wsidata() -> None:
    geopandas = pytest.importorskip("geopandas")
    from shapely import MultiPolygon, Point, box

    found = from_shapes(geopandas.GeoDataFrame({"class": ["T", "S"]}, geometry=[box(0, 0, 4, 2), box(10, 10, 12, 12)]))
    np.testing.assert_allclose(found.centres, [[2, 1], [11, 11]])
    assert found.types == ("T", "S")
    found = from_shapes(geopandas.GeoDataFrame(geometry=[MultiPolygon([box(0, 0, 1, 1), box(5, 5, 9, 9)])]))
    np.testing.assert_allclose(found.centres, [[7, 7]])
    found = from_shapes(geopandas.GeoDataFrame(geometry=[Point(3, 4)]))
    assert (found.outlines, found.centres.tolist()) == (None, [[3, 4]])


def test_labels_are_opened_by_the_one_door(tmp_path: Path, slide: Slide) -> None:
    (tmp_path / "labels.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    with pytest.raises(DataError, match="not an image of labels"):
        read_nuclei(tmp_path / "labels.png", slide)
    Image.fromarray(np.full((3, 4), 13, np.uint16)).save(tmp_path / "labels.png")
    with pytest.raises(DataError, match="it numbers nuclei from 0 to 13 on 12 pixels"):
        read_nuclei(tmp_path / "labels.png", slide)
