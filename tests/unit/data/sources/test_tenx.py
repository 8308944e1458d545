"""10x matrices in their three layouts: the counts of genes, controls left out, cells by their names."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from platforms import CONTROLS, GENES, write_matrix

from past.base.errors import DataError
from past.data.sources.tenx import MIN_QUALITY, cell_names, find_matrix, is_gene, read_matrix, read_matrix_genes

CELLS = ["aaaaaaab-1", "ffffffff-2"]
COUNTS = np.arange(2 * (len(GENES) + len(CONTROLS))).reshape(2, -1)


@pytest.fixture(params=["h5", "zarr.zip", "mtx"])
def matrix(request, tmp_path: Path) -> Path:
    if request.param == "zarr.zip":
        pytest.importorskip("zarr", reason="the extra 'spatial' is not installed")
    features = [(name, identity, "Gene Expression") for name, identity in GENES]
    features += [(name, name, kind) for name, kind in CONTROLS]
    write_matrix(tmp_path, "matrix", request.param, COUNTS, features, CELLS)
    return find_matrix(tmp_path, "matrix")


def test_counts_are_the_genes(matrix: Path) -> None:
    read = read_matrix(matrix)
    np.testing.assert_array_equal(read.counts.toarray(), COUNTS[:, : len(GENES)])
    assert read.features == read_matrix_genes(matrix) == [(name, identity) for name, identity in GENES]
    assert (read.barcodes, read.controls) == (CELLS, len(CONTROLS))


def test_a_cut_off_matrix_is_damaged(matrix: Path) -> None:
    matrix.write_bytes(matrix.read_bytes()[:40])
    with pytest.raises(DataError, match="not a 10x matrix, or damaged"):
        read_matrix(matrix)


@pytest.mark.parametrize("index", [len(GENES) + len(CONTROLS), -1, 2**31])
def test_counts_outside_the_matrix_are_refused(tmp_path: Path, index: int) -> None:
    features = [(name, identity, "Gene Expression") for name, identity in GENES]
    features += [(name, name, kind) for name, kind in CONTROLS]
    write_matrix(tmp_path, "matrix", "h5", COUNTS, features, CELLS)
    path = find_matrix(tmp_path, "matrix")
    with h5py.File(path, "r+") as file:
        indices = np.asarray(file["matrix/indices"], np.int64)
        indices[-1] = index
        del file["matrix/indices"]
        file["matrix/indices"] = indices
    with pytest.raises(DataError, match=r"matrix\.h5"):
        read_matrix(path)


def test_a_missing_matrix_is_named_with_all_it_may_be(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no m\.h5, m\.zarr\.zip or m/matrix\.mtx\.gz there"):
        find_matrix(tmp_path, "m")


@pytest.mark.parametrize(
    ("name", "gene"),
    [
        ("EPCAM", True), ("BLANKET1", True), ("NegControlProbe_00042", False), ("BLANK_0006", False),
        ("antisense_PROKR2", False), ("UnassignedCodeword_0001", False), ("Intergenic_Region_12", False),
    ],
)  # fmt: skip
def test_controls_are_told_by_their_names(name: str, gene: bool) -> None:
    assert is_gene(name) is gene


def test_cells_are_named_by_their_prefix_in_letters() -> None:
    assert cell_names(np.array([[0, 1], [0x0000002F, 3], [0xFFFFFFFF, 1]], np.uint32)) == [
        "aaaaaaaa-1",
        "aaaaaacp-3",
        "pppppppp-1",
    ]
    assert cell_names(np.array([1, 20])) == cell_names(np.array([[1], [20]])) == ["1", "20"]


def test_transcripts_count_as_in_the_instruments_own_matrix() -> None:
    assert MIN_QUALITY == 20  # Q20: wrong one time in a hundred
