"""The look before the hours: a page a section is drawn, and what seems wrong is said."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import anndata
import numpy as np
from PIL import Image
from typer.testing import CliRunner

from past.cli.app import app
from past.data.shards.settings import ShardSettings
from past.data.sources.preview import preview
from past.data.sources.synthetic.profiles import GENES
from past.data.sources.synthetic.section import SyntheticSource
from past.data.sources.tissue import TissueSection


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


@dataclass
class Named:
    """A synthetic section of another name."""

    name: str

    def open(self, genes: tuple[str, ...]) -> TissueSection:
        tissue = SyntheticSource(0, 0, 40).open(genes)
        return replace(tissue, section=replace(tissue.section, section=self.name, organ=self.name))


def test_a_name_is_no_formula_and_no_path(tmp_path: Path) -> None:
    path, _ = preview(tmp_path / "set", Named("../../$\\frac{$"), ShardSettings("toy", px=32), GENES)
    assert path.parent == tmp_path / "set" / "previews"
    assert path.stat().st_size > 10_000
    assert [other for other in tmp_path.rglob("*") if other.is_file()] == [path]
