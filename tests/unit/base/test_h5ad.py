"""What is read of an h5ad file: names, places and raw counts, each checked, and files that are none."""

import hashlib
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csc_matrix, csr_matrix

from past.base.errors import DataError
from past.base.h5ad import (
    genes_of,
    new_h5ad,
    over_genes,
    read_adata,
    read_counts,
    read_meta,
    read_places,
    read_var_names,
    require_counts,
    require_inside,
    sha256_of,
)


def a_section(**parts: Any) -> anndata.AnnData:
    adata = anndata.AnnData(np.array([[0, 2, 1], [3, 0, 0]], np.float32), **parts)
    adata.var_names = ["A", "B", "C"]
    return adata


def test_a_file_gives_its_names_and_its_meta_without_its_counts(tmp_path: Path) -> None:
    adata = a_section(uns={"meta": {"patient": "P1", "um_per_px": 0.5}})
    adata.var["gene_ids"] = ["ENSG01", "ENSG02", "ENSG03"]
    adata.write_h5ad(tmp_path / "S.h5ad")
    assert read_var_names(tmp_path / "S.h5ad") == [("A", "ENSG01"), ("B", "ENSG02"), ("C", "ENSG03")]
    assert read_meta(tmp_path / "S.h5ad") == {"patient": "P1", "um_per_px": 0.5}
    a_section().write_h5ad(tmp_path / "plain.h5ad")
    assert read_var_names(tmp_path / "plain.h5ad") == [("A",), ("B",), ("C",)]
    assert read_meta(tmp_path / "plain.h5ad") == {}


def test_ids_are_read_under_any_of_their_columns() -> None:
    var = pd.DataFrame({"ensembl_id": ["E1"], "gene_id": ["E1.4"], "other": ["x"]}, index=pd.Index(["A"]))
    assert genes_of(var, "S")[1] == [("A", "E1.4", "E1")]


def test_files_that_are_no_sections_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.h5ad: no such file"):
        read_adata(tmp_path / "none.h5ad")
    (tmp_path / "cut.h5ad").write_bytes(b"\x89HDF\r\n")
    with pytest.raises(DataError, match=r"cut\.h5ad: not an h5ad file, or cut off"):
        read_var_names(tmp_path / "cut.h5ad")


def test_places_are_two_finite_numbers_a_cell() -> None:
    adata = a_section(obsm={"spatial": np.array([[1, 2, 9], [3, 4.5, 9]])})
    assert read_places(adata, "S").tolist() == [[1, 2], [3, 4.5]]
    with pytest.raises(DataError, match=r"S: no obsm\['spatial'\]"):
        read_places(a_section(), "S")
    adata.obsm["spatial"] = np.array([[5, 6], [7, 8]])
    assert read_places(adata, "S").tolist() == [[5, 6], [7, 8]]
    adata.obsm["spatial"] = np.array([[1, np.nan], [0, 0]])
    with pytest.raises(DataError, match=r"of shape \(2, 2\) must hold two finite numbers"):
        read_places(adata, "S")


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix, csc_matrix])
def test_counts_are_the_layer_of_that_name_else_x(kind: Any) -> None:
    adata = a_section()
    adata.X = kind(adata.X)
    counts = read_counts(adata, "S")
    assert counts.toarray().tolist() == [[0, 2, 1], [3, 0, 0]]
    assert counts.nnz == 3
    adata.layers["counts"] = kind(np.array([[5, 0, 0], [0, 0, 7]], np.float32))
    assert read_counts(adata, "S").toarray().tolist() == [[5, 0, 0], [0, 0, 7]]


@pytest.mark.parametrize("value", [0.5, -1, np.nan, np.inf, 2.0**32])
def test_counts_are_whole_numbers(value: float) -> None:
    with pytest.raises(DataError, match=r"S: X holds .*: normalised or scaled\? give raw counts"):
        require_counts(csr_matrix([[1.0, value]]), "S: X")


def test_what_is_stored_twice_is_summed_and_zeros_are_dropped() -> None:
    held = csr_matrix((np.array([1.0, 2.0, 0.0]), np.array([1, 1, 0]), np.array([0, 2, 3])), shape=(2, 2))
    counts = require_counts(held, "S")
    assert (counts.toarray().tolist(), counts.nnz) == ([[0, 3], [0, 0]], 1)


def test_indices_outside_a_matrix_are_refused() -> None:
    whole = csr_matrix(np.eye(3))
    assert require_inside(whole, "S") is whole
    whole.indices[1] = 3
    with pytest.raises(DataError, match="S: its sparse matrix is broken"):
        require_inside(whole, "S")


def test_rows_that_end_at_nothing_are_refused() -> None:
    held = csr_matrix((np.ones(3), np.arange(3), np.array([0, 2, 3, 0])), shape=(3, 3))
    assert held.nnz == 0  # SciPy checks no further, and reads outside its memory later
    with pytest.raises(DataError, match=r"S: its sparse matrix is broken \(its rows do not follow one another\)"):
        require_inside(held, "S")


def test_features_go_to_their_place_in_a_gene_list_and_same_ones_are_summed() -> None:
    counts = csr_matrix(np.array([[1, 2, 4, 8], [0, 1, 0, 1]]))
    mapped = over_genes(counts, np.array([2, 0, -1, 0]), 4)
    assert mapped.toarray().tolist() == [[10, 0, 1, 0], [2, 0, 0, 0]]


def test_a_files_hash(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256_of(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(DataError, match="none: no such file"):
        sha256_of(tmp_path / "none")


def test_what_is_written_is_what_anndata_writes_and_may_be_added_to(tmp_path):
    adata = anndata.AnnData(np.eye(3, dtype=np.float32), obsm={"spatial": np.ones((3, 2))}, uns={"past": {"a": 1}})
    with new_h5ad(tmp_path / "own.h5ad", adata) as file:
        file["layers/twice"] = 2 * np.eye(3)
    adata.write_h5ad(tmp_path / "theirs.h5ad")
    own, theirs = (anndata.read_h5ad(tmp_path / name, backed="r") for name in ("own.h5ad", "theirs.h5ad"))
    assert own.raw is theirs.raw is None
    np.testing.assert_array_equal(own.layers["twice"], 2 * np.eye(3))
    for found in (own.to_memory(), read_adata(tmp_path / "own.h5ad")):
        np.testing.assert_array_equal(found.X, adata.X)
        np.testing.assert_array_equal(found.obsm["spatial"], adata.obsm["spatial"])
        assert found.uns["past"] == {"a": 1}


def test_counts_are_numbers_and_there() -> None:
    with pytest.raises(DataError, match="S: X holds bool, no numbers: give raw counts"):
        require_counts(csr_matrix([[True]]), "S: X")
    with pytest.raises(DataError, match=r"S: has neither X nor layers\['counts'\]"):
        read_counts(anndata.AnnData(obs=pd.DataFrame(index=["a"])), "S")
