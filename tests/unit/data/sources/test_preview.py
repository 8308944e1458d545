"""The look before the hours: a page a section is drawn, and what seems wrong is said."""

import shutil
from pathlib import Path

import anndata
import numpy as np
from PIL import Image
from typer.testing import CliRunner

from past.cli.app import app


def test_the_command_draws_a_page_a_section_and_writes_no_shards(real_data: Path, tmp_path: Path) -> None:
    adata = anndata.read_h5ad(real_data / "xenium" / "NCBI858.h5ad")
    adata.obsm["spatial"] = adata.obsm["spatial"][:, ::-1].copy()
    shutil.copy(real_data / "xenium" / "NCBI858.jpg", tmp_path)
    adata.uns["meta"]["image"] = "NCBI858.jpg"
    adata.write_h5ad(tmp_path / "swapped.h5ad")
    sections = [str(real_data / "xenium" / "NCBI858.h5ad"), str(tmp_path / "swapped.h5ad")]
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["shards", "anndata", *sections, "--out", str(out), "--preview"])
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in out.rglob("*")) == ["NCBI858.png", "previews", "swapped.png"]
    assert "NCBI858.png: drawn" in result.output
    assert "warning: swapped: the cells fit the nuclei with x and y exchanged" in result.output
    for path in (out / "previews").iterdir():
        with Image.open(path) as page:
            assert page.width > 1_500
            assert len(np.unique(np.asarray(page.convert("L")))) > 100


def test_a_section_that_cannot_be_read_is_named_after_the_others_are_drawn(tmp_path: Path, real_data: Path) -> None:
    (tmp_path / "broken.h5ad").write_bytes(b"no")
    whole = str(real_data / "xenium" / "NCBI858.h5ad")
    genes = tmp_path / "genes.txt"
    genes.write_text("STAT1\nIRF1\n")
    arguments = ["--genes", str(genes), "--out", str(tmp_path / "out"), "--preview"]
    result = CliRunner().invoke(app, ["shards", "anndata", str(tmp_path / "broken.h5ad"), whole, *arguments])
    assert "not an h5ad file" in str(result.exception)
    assert (tmp_path / "out" / "previews" / "NCBI858.png").is_file()
