"""`past embed`: a cohort's features from the command line; the broken ones are named, the others done."""

from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner
from whole_slides import plain_grid, section, write_svs

from past.base.errors import PastError
from past.base.text.tables import read_words
from past.cli.app import app

pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
SIZE = (600, 400)


@pytest.fixture(autouse=True)
def _plain_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles on all of the slide, as if LazySlide were installed and found tissue everywhere."""
    monkeypatch.setattr("past.slides.embedder.grid_of", lambda slide, settings: plain_grid(slide.size))
    monkeypatch.setattr("past.slides.tiling.find_spec", lambda name: name)


def embed(*words: object) -> str:
    """Run it; return what it complains of."""
    done = CliRunner().invoke(app, ["embed", *map(str, words), "--tile-px", "32", "--device", "cpu"])
    if done.exception is None or isinstance(done.exception, SystemExit):
        assert done.exit_code == 0, done.output
        return ""
    assert isinstance(done.exception, PastError), done.exception
    return str(done.exception)


def test_a_cohort_of_twenty_of_which_three_are_broken(tmp_path: Path) -> None:
    slides = [write_svs(tmp_path / f"s{i:02}.svs", section(*SIZE, seed=i), factors=(1,)) for i in range(20)]
    content = slides[3].read_bytes()
    slides[3].write_bytes(content[: len(content) * 6 // 10])
    slides[7].write_bytes(b"no slide")
    write_svs(slides[11], section(*SIZE), mpp=None)
    said = embed(*slides, "--encoder", "grid", "--out", tmp_path / "out")
    first, second, third = said.splitlines()
    assert "s03.svs: the image is damaged or cut off in its tile at " in first
    assert "s07.svs: not an image that can be read" in second
    assert "s11.svs: the file says no µm/px: give it with --mpp (its objective of 20× often means 0.5)" in third
    assert len(list((tmp_path / "out").glob("*.h5"))) == 17
    rows = read_words(tmp_path / "out" / "summary.csv", ["slide"], "")
    assert [row["state"] for row in rows].count("done") == 17
    assert {row["slide"] for row in rows if row["state"] == "broken"} == {"s03", "s07", "s11"}
    assert rows[0]["tiles"] == "70"
    assert (rows[0]["mpp"], rows[0]["mpp_source"]) == ("0.25", "Aperio's MPP")


def test_a_table_gives_what_a_file_lacks_and_a_share_is_done(tmp_path: Path) -> None:
    for folder in ("x y", "z"):
        (tmp_path / folder).mkdir()
        write_svs(tmp_path / folder / "a#'é.svs", section(*SIZE), mpp=None)
    (tmp_path / "cohort.csv").write_text("slide,mpp\nx y/a#'é.svs,0.25\nz/a#'é.svs,0.5\n")
    out = tmp_path / "out"
    assert embed(tmp_path / "cohort.csv", "--encoder", "grid", "--out", out, "--share", "0/2") == ""
    assert [path.name for path in out.glob("*.h5")] == ["x y_a#'é.h5"]
    assert embed(tmp_path / "cohort.csv", "--encoder", "grid", "--out", out) == ""
    with h5py.File(out / "z_a#'é.h5") as file:
        assert file["coords"].attrs["level0_magnification"] == 20


def test_settings_that_cannot_be_are_named(tmp_path: Path) -> None:
    slide = write_svs(tmp_path / "a.svs", section(*SIZE))
    assert "need an encoder" in embed(slide, "--out", tmp_path / "out")
    assert "--on-error mend" in embed(slide, "--encoder", "grid", "--out", tmp_path / "out", "--on-error", "mend")
    assert "give 1 or more" in embed(slide, "--encoder", "grid", "--out", tmp_path / "out", "--workers", "0")
    two = (slide, write_svs(tmp_path / "b.svs", section(*SIZE)))
    assert "is of one slide" in embed(*two, "--encoder", "grid", "--out", tmp_path, "--regions", tmp_path / "r.geojson")
