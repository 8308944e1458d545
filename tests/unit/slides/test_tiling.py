"""Tissue and tiles: on the tissue, of the wanted size in µm, none twice; what is odd is said."""

import json
import logging
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from whole_slides import section, write_svs

from past.base.errors import ConfigError, DataError
from past.slides.tiling import TileGrid, open_wsi, slide_of, tile

SIZE = (2400, 1600)
needs = pytest.mark.skipif(find_spec("lazyslide") is None, reason="the extra 'wsi' is not installed")


def test_centres_are_half_a_tile_from_the_corners() -> None:
    grid = TileGrid(np.array([[0, 0], [449, 10]]), 449, 224, 0.5)
    assert grid.centres.tolist() == [[224.5, 224.5], [673.5, 234.5]]
    assert len(grid) == 2


def test_without_lazyslide_the_cure_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.slides.tiling.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"no lazyslide and wsidata: .*'pip install past-pathology\[wsi\]'"):
        open_wsi(tmp_path / "a.svs")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_svs(tmp_path / "a.svs", section(*SIZE), tile=(256, 256))


@needs
def test_tiles_lie_on_tissue_and_are_of_the_wanted_size(path: Path) -> None:
    wsi = open_wsi(path, store=None)
    grid = tile(wsi, tile_px=32, mpp=0.5, share=0.5)
    assert (grid.side, grid.px, grid.mpp) == (64, 32, 0.5)
    frame = wsi.shapes["tiles"]
    assert frame["tile_id"].tolist() == list(range(len(grid)))
    np.testing.assert_array_equal(frame.geometry.bounds[["minx", "miny"]].to_numpy(), grid.corners)
    assert len(np.unique(grid.corners, axis=0)) == len(grid) > 100
    pixels = section(*SIZE).astype(int)
    stained = pixels.max(axis=2) - pixels.min(axis=2) > 20
    shares = [stained[y : y + 64, x : x + 64].mean() for x, y in grid.corners]
    assert np.mean(np.array(shares) > 0.3) > 0.95
    covered = sum(share * 64 * 64 for share in shares)
    assert covered > 0.8 * stained.sum()


@needs
def test_the_same_slide_gives_the_same_tiles(path: Path) -> None:
    one, other = (tile(open_wsi(path, store=None), 32, 0.5) for _ in range(2))
    np.testing.assert_array_equal(one.corners, other.corners)


@needs
def test_all_of_the_slide_without_tissue(path: Path) -> None:
    grid = tile(open_wsi(path, store=None), 224, 0.5, tissue="none")
    assert len(grid) == 6 * 4  # of 448 px, those at the right and lower edge go on over glass
    assert grid.corners.min() == 0


@needs
def test_a_slide_narrower_than_a_tile(tmp_path: Path) -> None:
    wsi = open_wsi(write_svs(tmp_path / "a.svs", section(300, 200)), store=None)
    grid = tile(wsi, 224, 0.5, tissue="none")
    assert grid.corners.tolist() == [[0, 0]]
    assert slide_of(wsi).tile(*grid.centres[0], 224, 0.5).shape == (224, 224, 3)


@needs
def test_a_slide_coarser_than_the_tiles_is_enlarged_and_said(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert tile(open_wsi(path, mpp=0.502, store=None), 32, 0.5).side == 32
    assert "enlarged" not in caplog.text
    assert tile(open_wsi(path, mpp=1.0, store=None), 32, 0.5).side == 16
    assert "1 µm/px, coarser than the tiles' 0.5: they are enlarged" in caplog.text


@needs
def test_regions_restrict_the_tiles(path: Path, tmp_path: Path) -> None:
    ring = [[0, 0], [1300, 0], [1300, 1600], [0, 1600], [0, 0]]
    (tmp_path / "r.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    grid = tile(open_wsi(path, store=None), 32, 0.5, regions=tmp_path / "r.geojson")
    assert len(grid) > 50
    assert grid.centres[:, 0].max() < 1300
    ring = [[1210, 0], [1400, 0], [1400, 1600], [1210, 1600], [1210, 0]]
    (tmp_path / "g.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    every = tile(open_wsi(path, store=None), 32, 0.5, tissue="none", regions=tmp_path / "g.geojson")
    assert len(every) > 60


@needs
def test_no_tissue_is_said_with_the_cure(tmp_path: Path) -> None:
    path = write_svs(tmp_path / "a.svs", np.full((800, 1200, 3), 240, np.uint8))
    with pytest.raises(DataError, match=r"a\.svs: no tissue found on it: .*--tissue none, .*--regions"):
        tile(open_wsi(path, store=None))


@needs
def test_no_tile_is_said(path: Path) -> None:
    with pytest.raises(DataError, match=r"no tile of 1024 px at 2 µm/px lies on its tissue: ask for smaller ones"):
        tile(open_wsi(path, store=None), 1024, 2.0, share=1.0)


@needs
def test_tissue_at_the_border_and_pen_marks_are_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    picture = Image.fromarray(section(*SIZE))
    ImageDraw.Draw(picture).line((1250, 100, 1400, 1500), fill=(20, 120, 200), width=30)
    path = write_svs(tmp_path / "a.svs", np.asarray(picture.crop((700, 0, 2400, 1600))), tile=(256, 256))
    with caplog.at_level(logging.WARNING):
        tile(open_wsi(path, store=None), 32, 0.5)
    assert "pieces of tissue touch the slide's border" in caplog.text
    assert "pen marks on " in caplog.text


@needs
@pytest.mark.parametrize("settings", [{"tile_px": 4}, {"share": 1.5}, {"tissue": "all"}])
def test_settings_that_cannot_be_are_named(path: Path, settings: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        tile(open_wsi(path, store=None), **settings)
