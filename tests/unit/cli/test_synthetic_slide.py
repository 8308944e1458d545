"""`past synthetic-slide` as a user meets it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from past.cli.app import app

TINY = ["synthetic-slide", "--across", "2", "--down", "1", "--cells", "4"]


def refused(*words: object) -> str:
    return str(CliRunner().invoke(app, [*TINY, *map(str, words)]).exception)


def test_a_slide_and_its_cells_are_written_once(tmp_path: Path) -> None:
    pytest.importorskip("tifffile", reason="the extra 'tiff' is not installed")
    done = CliRunner().invoke(app, [*TINY, "--out", str(tmp_path / "a.tiff")])
    assert done.exit_code == 0, done.exception
    assert "a.tiff: 3,072 × 1,536 px, 2 cores of tissue; the counts of its cells:" in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5ad", "a.tiff"]
    assert "exists already" in refused("--out", tmp_path / "a.tiff")


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    assert "--across, --down and --cells must be 1 or more" in refused("--cells", 0, "--out", tmp_path / "a.tiff")
    assert "give a name that ends in .tiff" in refused("--out", tmp_path / "a.svs")
