"""Sections of one's own in HEST-Bench's layout."""

import json
from pathlib import Path

import anndata
import numpy as np
import pytest
from typer.testing import CliRunner

from past.base.errors import ConfigError, DataError
from past.cli.app import app
from past.data.sources.anndata import AnnDataSource
from past.evaluation.hest.layout import read_expression, read_patients, read_task
from past.evaluation.hest.make import make_task
from past.slides.tiles import PatchFile

SECTIONS = ("CN51_C2_1", "L6CN51_E1_2", "CN51_C2_2")  # of animals 765, 794, 794


@pytest.fixture(scope="module")
def sections(real_data: Path) -> list[Path]:
    return [real_data / "als" / f"{name}.h5ad" for name in SECTIONS]


@pytest.fixture(scope="module")
def made(sections: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bench")
    result = CliRunner().invoke(
        app, ["bench-from", "anndata", *map(str, sections), "--task", "ALS", "--out", str(out), "--genes", "20"]
    )
    assert result.exit_code == 0, result.output
    return out / "ALS"


def test_one_patient_is_left_out_a_fold(made: Path) -> None:
    task = read_task(made)
    assert [[sample.name for sample in fold.test] for fold in task.folds] == [["CN51_C2_1"], list(SECTIONS[1:])]
    assert [[sample.name for sample in fold.train] for fold in task.folds] == [list(SECTIONS[1:]), ["CN51_C2_1"]]
    assert read_patients(made) == {"CN51_C2_1": "765", "L6CN51_E1_2": "794", "CN51_C2_2": "794"}


def test_each_folds_genes_come_from_its_training_patients(made: Path) -> None:
    first, second = read_task(made).folds
    assert len(first.genes) == len(second.genes) == 20
    assert first.genes != second.genes
    assert read_task(made).genes == tuple(sorted({*first.genes, *second.genes}))
    logged = np.log1p(anndata.read_h5ad(made / "adata" / "CN51_C2_1.h5ad").to_df())
    detected = (logged > 0).mean() >= 0.1
    expected = logged.loc[:, detected].var(ddof=0).sort_values(ascending=False).index[:20]
    assert second.genes == tuple(sorted(expected))


def test_tiles_and_counts_are_the_sections(made: Path, sections: list[Path]) -> None:
    sample = read_task(made).folds[0].test[0]
    patches = PatchFile.open(sample.patches)
    source = anndata.read_h5ad(sections[0])
    assert patches.images(0, 1).shape == (1, 224, 224, 3)
    assert np.abs(patches.coords - source[list(patches.barcodes)].obsm["spatial"]).max() <= 0.5
    gene = read_task(made).genes[0]
    expected = np.log1p(source[list(patches.barcodes), gene].to_df().to_numpy())
    assert np.allclose(read_expression(sample, [gene], patches.rows), expected, atol=1e-6)


def test_the_librarys_choice_is_one_list_for_all(sections: list[Path], tmp_path: Path) -> None:
    make_task([AnnDataSource(path) for path in sections], tmp_path / "ALS", genes=10, genes_on="all")
    assert [len(fold.genes) for fold in read_task(tmp_path / "ALS").folds] == [10, 10]
    assert json.loads((tmp_path / "ALS" / "task.json").read_text())["genes_on"] == "all"
    assert not list((tmp_path / "ALS").glob("var_50genes_*.json"))


def test_what_cannot_be_a_task_is_refused_and_leaves_nothing(made: Path, sections: list[Path], tmp_path: Path) -> None:
    sources = [AnnDataSource(path) for path in sections]
    with pytest.raises(ConfigError, match="exists already and was left as it is"):
        make_task(sources, made)
    with pytest.raises(DataError, match="ALS: all sections are of one patient, 794"):
        make_task(sources[1:], tmp_path / "ALS")
    with pytest.raises(DataError, match="genes lie in 10% of the spots: give --genes less"):
        make_task(sources, tmp_path / "ALS", genes=100_000)
    assert not list(tmp_path.iterdir())
