"""`past ihc` on planted cells and on a real stain."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from PIL import Image

from past.base.errors import ConfigError
from past.cells.geojson import read_geojson, write_geojson
from past.cells.nuclei import Nuclei
from past.cli.app import app

pytest.importorskip("skimage", reason="the extra 'cells' is not installed")
pytest.importorskip("shapely", reason="the extra 'cells' is not installed")


def past(*words: object) -> None:
    app([*map(str, words)], standalone_mode=False)


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """100 cells 20 px apart: ERBB2 is 3 in the left half and 0 in the right; on H&E without blue."""
    coords = np.stack(np.meshgrid(np.arange(20, 220, 20), np.arange(20, 220, 20)), axis=-1).reshape(-1, 2).astype(float)
    cells = AnnData(
        np.where(coords[:, :1] < 120, 3.0, 0.0).astype(np.float32),
        obs=pd.DataFrame(index=pd.Index([f"c{i}" for i in range(100)])),
        var=pd.DataFrame({"weak_from": [1.0], "moderate_from": [2.0], "strong_from": [2.5]}, index=pd.Index(["ERBB2"])),
        uns={"past": {"mpp": 0.5}},
    )
    cells.obsm["spatial"] = coords
    cells.write_h5ad(tmp_path / "cells.h5ad")
    order = np.random.default_rng(0).permutation(100)
    names = tuple(f"c{i}" for i in order)
    write_geojson(tmp_path / "nuclei.geojson", Nuclei(coords[order], names=names))
    Image.new("RGB", (240, 240), (240, 190, 220)).save(tmp_path / "slide.png")
    return tmp_path


def test_planted_cells_are_scored(planted: Path) -> None:
    past("ihc", "score", planted / "cells.h5ad", "--markers", "HER2", "--grid", 60, "--out", planted / "out")
    table = pd.read_csv(planted / "out/scores.csv").set_index("region")
    assert table.loc["tissue", "h_score"] == 150
    assert table.loc["x0 y0", "h_score"] == 300
    assert table.loc["x60 y0", "h_score"] == 0
    assert (planted / "out/HER2.png").is_file()
    with pytest.raises(ConfigError, match="exists already"):
        past("ihc", "score", planted / "cells.h5ad", "--out", planted / "out")


def test_planted_cells_are_painted_where_they_are(planted: Path) -> None:
    pytest.importorskip("tifffile")
    words = ("ihc", "paint", planted / "slide.png", planted / "cells.h5ad", "--nuclei", planted / "nuclei.geojson")
    past(*words, "--mpp", 0.5, "--out", planted / "p.png", "--box", "0,0,240,240")
    pixels = np.asarray(Image.open(planted / "p.png")).astype(int)
    assert pixels[20, 20, 2] < 100  # brown takes blue light
    assert pixels[20, 200, 2] > 200
    past(*words, "--mpp", 0.5, "--out", planted / "p.ome.tiff")
    from tifffile import imread

    np.testing.assert_allclose(imread(planted / "p.ome.tiff").astype(int)[20, 20], pixels[20, 20], atol=15)
    for out, box, fault in (("q.png", None, "give an .ome.tiff"), ("q.png", "0,0,999,9", "is not within the slide's")):
        with pytest.raises(ConfigError, match=fault):
            past(*words, "--mpp", 0.5, "--out", planted / out, *(("--box", box) if box else ()))


def test_a_real_stain_is_measured(tmp_path: Path) -> None:
    from skimage.data import immunohistochemistry

    Image.fromarray(immunohistochemistry()).save(tmp_path / "ihc.png")
    words = ("ihc", "measure", tmp_path / "ihc.png", "--mpp", 0.5, "--compartment", "ring", "--grid", 0)
    past(*words, "--out", tmp_path / "first")
    first = pd.read_csv(tmp_path / "first/scores.csv").iloc[0]
    assert 200 < first["cells"] < 350
    assert 40 < first["positive"] < 75  # glands are stained, the stroma between them is not
    found = read_geojson(tmp_path / "first/cells.geojson")
    assert set(found.types or ()) == {"negative", "weak", "moderate", "strong"}
    past(*words, "--nuclei", tmp_path / "first/cells.geojson", "--out", tmp_path / "again")
    again = pd.read_csv(tmp_path / "again/scores.csv").iloc[0]
    assert again["h_score"] == first["h_score"]
    assert Image.open(tmp_path / "first/called.png").size == (1024, 1024)
