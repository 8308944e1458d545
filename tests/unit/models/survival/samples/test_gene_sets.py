"""Gene sets, measured and predicted expression."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.models.survival.samples.gene_sets import read_expression, read_gene_sets, set_scores, slide_file


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_gene_counts_once_in_a_set(tmp_path: Path) -> None:
    found = read_gene_sets(written(tmp_path / "sets.csv", "one,two\nG1,G3\nG2,\nG1,\n"))
    assert found == {"one": ("G1", "G2"), "two": ("G3",)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one,\nG1,G2\n", "a column without a name"),
        ("a,a\nG1,G2\n", "gene sets occur more than once"),
        ("a,b\nG1,\n", "no genes in b"),
    ],
)
def test_what_is_wrong_with_sets_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_gene_sets(written(tmp_path / "sets.csv", text))


def test_a_score_is_the_mean_of_the_genes_that_are_there(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = written(tmp_path / "rna.csv", ",G1,G2,G3\n001,1,3,5\nB,2,2,8\nB,9,9,9\n")
    found = set_scores(table, {"one": ("G1", "G2", "G9"), "two": ("G3",), "none": ("G9",)}, {})
    assert found.sets == ("one", "two")
    assert {name: values.tolist() for name, values in found.of.items()} == {"001": [2, 5], "B": [2, 8]}
    assert "the first of several rows is taken of B" in caplog.text
    assert "left out: none" in caplog.text
    with pytest.raises(DataError, match="none of the genes of 1 gene sets is in it"):
        set_scores(table, {"none": ("G9",)}, {})


@pytest.mark.parametrize(
    ("text", "said"), [(",G1\nA,\n", "G1 of patient A is nan"), (",G1\nA,x\n", "no table of expression")]
)
def test_expression_is_numbers(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_expression(written(tmp_path / "rna.csv", text))
    with pytest.raises(DataError, match="no such file or folder"):
        read_expression(tmp_path / "other.csv")


def test_predictions_are_averaged_over_all_tiles_of_a_patient(tmp_path: Path) -> None:
    for name, values in (("S1", [[1.0, 2.0], [3.0, 4.0]]), ("S2", [[5.0, 9.0]])):
        adata = AnnData(np.array(values, dtype=np.float32), var=pd.DataFrame(index=["G1", "G2"]))
        adata.write_h5ad(tmp_path / f"{name}.h5ad")
    found = set_scores(tmp_path, {"one": ("G1",), "both": ("G1", "G2")}, {"A": ["S1.svs", "S2"], "B": ["S3"]})
    assert {name: values.tolist() for name, values in found.of.items()} == {"A": [3, 4]}
    with pytest.raises(DataError, match=r"no <slide>.h5ad of any patient"):
        set_scores(tmp_path, {"one": ("G1",)}, {"B": ["S3"]})


def test_a_slides_name_leads_nowhere_else(tmp_path: Path) -> None:
    written(tmp_path / "a.h5", "")
    (tmp_path / "inner").mkdir()
    assert slide_file(tmp_path, "a.svs", ".h5") == tmp_path / "a.h5"
    assert slide_file(tmp_path / "inner", "../a", ".h5") is None


def test_a_prediction_that_cannot_be_is_refused_and_a_gene_that_some_lack_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def write(name: str, values: list[float], genes: list[str]) -> None:
        AnnData(np.array([values], np.float32), var=pd.DataFrame(index=genes)).write_h5ad(tmp_path / f"{name}.h5ad")

    write("S1", [1.0, 2.0], ["G1", "G2"])
    write("S2", [3.0], ["G1"])
    found = set_scores(tmp_path, {"one": ("G1", "G2")}, {"A": ["S1"], "B": ["S2"]})
    assert {name: values.tolist() for name, values in found.of.items()} == {"A": [1], "B": [3]}
    assert "1 genes are not in all predictions, left out: G2" in caplog.text
    write("S2", [np.nan], ["G1"])
    with pytest.raises(DataError, match=r"S2.h5ad: holds what is no finite number"):
        set_scores(tmp_path, {"one": ("G1",)}, {"B": ["S2"]})
    broken = AnnData(csr_matrix(np.array([[1.0, 0.0]], np.float32)), var=pd.DataFrame(index=["G1", "G2"]))
    broken.X.indices[0] = 1_000_000
    broken.write_h5ad(tmp_path / "S3.h5ad")
    with pytest.raises(DataError, match=r"S3.h5ad"):
        set_scores(tmp_path, {"one": ("G1",)}, {"B": ["S3"]})
