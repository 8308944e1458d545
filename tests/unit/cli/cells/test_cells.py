"""`past cells`, from a slide to a table and outlines."""

from pathlib import Path

import anndata
import pytest
from cells_on_a_slide import coloured_slide, trained_tiny

from past.base.errors import ConfigError, DataError
from past.cells.geojson import read_geojson, write_geojson
from past.cells.nuclei import Nuclei
from past.cli.app import app

pytest.importorskip("skimage", reason="the extra 'cells' is not installed")


def past(*words: object) -> None:
    app([*map(str, words)], standalone_mode=False)


def test_from_a_slide_to_scores(tmp_path: Path) -> None:
    trained_tiny(tmp_path)
    centres = coloured_slide(tmp_path / "slide.png")
    write_geojson(tmp_path / "n.geojson", Nuclei(centres))
    words = (
        "cells",
        tmp_path / "slide.png",
        "--run",
        tmp_path / "past",
        "--nuclei",
        tmp_path / "n.geojson",
        "--mpp",
        0.5,
    )
    past(*words, "--bank", tmp_path / "set", "--out", tmp_path / "c.h5ad", "--keep", tmp_path / "kept", "--outlines",
         tmp_path / "o.geojson")  # fmt: skip
    past(*words, "--bank", tmp_path / "kept", "--out", tmp_path / "again.h5ad")
    first, again = (anndata.read_h5ad(tmp_path / name) for name in ("c.h5ad", "again.h5ad"))
    assert first.shape == (25, 24)
    assert abs(first.X - again.X).max() < 1e-4  # type: ignore[operator]
    assert len(read_geojson(tmp_path / "o.geojson")) == 25
    past("ihc", "score", tmp_path / "c.h5ad", "--markers", "G0", "--grid", 0, "--out", tmp_path / "ihc")
    assert (tmp_path / "ihc/scores.csv").is_file()
    with pytest.raises(ConfigError, match="exists already"):
        past(*words, "--bank", tmp_path / "kept", "--out", tmp_path / "c.h5ad")
    with pytest.raises(DataError, match="the bank holds cells of B"):
        past(*words, "--bank", tmp_path / "kept", "--out", tmp_path / "d.h5ad", "--patient", "B")
    with pytest.raises(DataError, match="marker ER: its gene ESR1 is not in the panel"):
        past("ihc", "score", tmp_path / "c.h5ad", "--markers", "ER", "--grid", 0, "--out", tmp_path / "none")
