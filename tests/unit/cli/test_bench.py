"""`past bench-from anndata`: the rest is tested where the task is made."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from past.base.errors import ConfigError, DataError
from past.cli.app import app


def test_images_come_once_a_section(tmp_path: Path) -> None:
    words = ["bench-from", "anndata", "a.h5ad", "b.h5ad", "--task", "T", "--out", str(tmp_path), "--image", "a.png"]
    with pytest.raises(ConfigError, match="--image is given 1 times for 2 sections"):
        CliRunner().invoke(app, words, catch_exceptions=False)


def test_a_section_that_is_not_there_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    words = ["bench-from", "anndata", str(tmp_path / "a.h5ad"), "--task", "T", "--out", str(tmp_path / "bench")]
    with pytest.raises(DataError, match=r"a\.h5ad: no such file"):
        CliRunner().invoke(app, words, catch_exceptions=False)
    assert not list(tmp_path.rglob("*"))
