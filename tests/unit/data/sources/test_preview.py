"""The look before the hours: what seems wrong with a registration is said, and what is right is not."""

import shutil
from dataclasses import replace
from pathlib import Path

import anndata
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from past.cli.app import app
from past.data.sources.anndata import AnnDataSource
from past.data.sources.registration import judge
from past.data.sources.synthetic.section import SyntheticSource
from past.data.sources.tissue import TissueSection

UM = 2.125


@pytest.fixture(scope="module")
def ncbi858(real_data: Path) -> TissueSection:
    source = AnnDataSource(real_data / "xenium" / "NCBI858.h5ad")
    return source.open(source.genes())


def warned(tissue: TissueSection, centres: np.ndarray) -> str:
    return "\n".join(judge(replace(tissue, centres=centres)).warnings)


def test_a_real_section_in_its_place_gives_no_warning(ncbi858: TissueSection) -> None:
    found = judge(ncbi858)
    assert found.warnings == ()
    assert found.best == (0.0, 0.0)
    assert found.clear > 10
    assert found.under.mean() > 2 * found.elsewhere.mean()


def test_exchanged_axes_are_seen(ncbi858: TissueSection) -> None:
    assert "the cells fit the nuclei with x and y exchanged" in warned(ncbi858, ncbi858.centres[:, ::-1].copy())


@pytest.mark.parametrize("angle", range(0, 360, 45))
def test_a_shift_of_100_um_is_seen_and_measured(ncbi858: TissueSection, angle: int) -> None:
    shift = 100 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    found = judge(replace(ncbi858, centres=ncbi858.centres + shift / UM))
    assert "shifted?" in found.warnings[-1]
    np.testing.assert_allclose(found.best, -shift, atol=10)


@pytest.mark.parametrize(("scale", "says"), [(2.0, "at half their coordinates"), (0.5, "at twice their coordinates")])
def test_a_scale_wrong_by_2_is_seen(ncbi858: TissueSection, scale: float, says: str) -> None:
    assert says in warned(ncbi858, ncbi858.centres * scale)


def test_cells_of_another_image_are_seen() -> None:
    tissue, other = SyntheticSource(0, cells=150).open(), SyntheticSource(1, cells=150).open()
    assert judge(tissue).warnings == ()
    assert "no darker under the cells" in "\n".join(judge(replace(tissue, image=other.image)).warnings)


@pytest.mark.parametrize("name", ["her2st/B4", "als/CN51_C2_1", "als/CN62_E2"])
def test_spots_too_large_to_tell_give_no_warning(real_data: Path, name: str) -> None:
    source = AnnDataSource(real_data / f"{name}.h5ad")
    assert judge(source.open(source.genes())).warnings == ()


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
