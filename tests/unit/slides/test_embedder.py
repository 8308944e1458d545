"""From a file to its features: what is settled first, and what a finished slide is known by."""

from dataclasses import replace
from pathlib import Path

import h5py
import pytest
from whole_slides import plain_grid, section, write_svs

from past.base.errors import ConfigError, DataError
from past.nn.colour import ColourGrid
from past.slides.cohort import CohortSlide
from past.slides.embedder import SlideEmbedder, TileSettings, outcome_of
from past.slides.frozen_encoder import FrozenEncoder

pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
SIZE = (600, 400)


@pytest.fixture(autouse=True)
def _plain_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles on all of the slide: no tissue is looked for."""
    monkeypatch.setattr("past.slides.embedder.grid_of", lambda slide, settings: plain_grid(slide.size))


def embedder(grid: int = 2, **settings) -> SlideEmbedder:
    return SlideEmbedder(lambda: FrozenEncoder(ColourGrid(grid)), "grid", f"{grid}", TileSettings(px=32, **settings))


def test_a_finished_slide_is_found_without_its_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slide = CohortSlide(write_svs(tmp_path / "a.svs", section(*SIZE)), "a")
    work = outcome_of(embedder(), tmp_path / "out")
    first = work(slide, True)
    assert (first.state, first.tiles, first.skipped, first.mpp) == ("done", 70, 0, 0.25)
    monkeypatch.setattr("past.slides.embedder.grid_of", None)
    known = replace(embedder(), load=lambda: pytest.fail("the encoder was loaded"))
    assert outcome_of(known, tmp_path / "out")(slide, True).state == "found"
    moved = replace(embedder(), mark="of the same weights elsewhere")  # loaded, and found to be the same
    assert outcome_of(moved, tmp_path / "out")(slide, True).state == "found"
    with h5py.File(tmp_path / "out" / "a.h5") as file:
        assert len(file["features"]) == 70


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"mpp": 1.0}, "tile µm/px"),
        ({"tissue": "none"}, "tissue"),
        ({"share": 0.2}, "share of tissue"),
        ({"grid": 4}, "weights"),
    ],
)
def test_whatever_moves_the_features_is_refused_under_the_same_name(tmp_path: Path, change: dict, names: str) -> None:
    slide = CohortSlide(write_svs(tmp_path / "a.svs", section(*SIZE)), "a")
    embedder()(slide, tmp_path / "a.h5")
    with pytest.raises(ConfigError, match=f"was made with another {names}"):
        embedder(**change)(slide, tmp_path / "a.h5")
    with pytest.raises(ConfigError, match="was made with another µm/px"):
        embedder()(CohortSlide(slide.path, "a", mpp=0.3), tmp_path / "a.h5")
    write_svs(tmp_path / "a.svs", section(*SIZE, seed=1))
    with pytest.raises(ConfigError, match="was made with another slide"):
        embedder()(slide, tmp_path / "a.h5")


def test_each_slide_has_its_own_regions(tmp_path: Path) -> None:
    (tmp_path / "a.geojson").write_text("{}")
    settings = TileSettings(regions=tmp_path)
    assert settings.of("a").regions == tmp_path / "a.geojson"
    with pytest.raises(DataError, match=r"b\.geojson: no such regions"):
        settings.of("b")
    with pytest.raises(DataError, match="no such regions"):
        _ = TileSettings(regions=tmp_path / "none.geojson").facts


def test_an_encoder_of_one_stain_is_refused() -> None:
    with pytest.raises(ConfigError, match="--encoder past: was trained on sections brought to one stain"):
        _ = SlideEmbedder(lambda: FrozenEncoder(ColourGrid(2), normal_stain=True), "past", None, TileSettings()).encoder
