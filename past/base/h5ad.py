"""What we read of an h5ad file, each thing checked: names, places, raw counts."""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import anndata
import h5py
import numpy as np
import pandas as pd
from anndata.io import read_elem, write_elem
from scipy.sparse import csr_matrix, issparse

from past.base.disk.hdf5 import new_hdf5
from past.base.errors import DataError, reading
from past.base.foreign.hdf5 import open_hdf5, require_room
from past.base.genes import is_gene, require_unique
from past.base.joins import Rows
from past.base.keys import Keys
from past.base.vocabularies import word

COUNTS_LAYER = "counts"
IDS = ("gene_ids", "gene_id", "ensembl_id")  # columns of var that hold Ensembl ids beside symbols
KINDS = ("feature_types", "feature_type")  # columns of var that say what a feature is


def read_meta(path: Path) -> dict[str, object]:
    """Read `uns['meta']` only; empty where there is none.

    Raises:
        DataError: the file is missing or no h5ad.
    """
    with _opened(path) as file, _reading(path):
        meta = _element(file, f"uns/{Keys.META}") if f"uns/{Keys.META}" in file else {}
    if not isinstance(meta, dict):
        raise DataError(f"{path}: uns['{Keys.META}'] is no group of values: write it again as a dict")
    return meta


def read_var_names(path: Path) -> list[tuple[str, ...]]:
    """Read the genes' names only; see `genes_of`.

    Raises:
        DataError: the file is missing, no h5ad, has no genes, or names one twice.
    """
    with _opened(path) as file, _reading(path):
        return genes_of(_element(file, "var"), path.stem)[1]


def genes_of(var: pd.DataFrame, name: str) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Return the positions (g,) of the features that are genes (see `is_gene`), and each one's names.

    The names are its var name, and its Ensembl id where `var` has a column of them.

    Raises:
        DataError: none of the features is a gene, or two have one name.
    """
    kinds = next((list(var[column]) for column in KINDS if column in var), [None] * len(var))
    names = list(map(str, var.index))
    kept = np.array([i for i, pair in enumerate(zip(names, kinds, strict=True)) if is_gene(*pair)], dtype=np.int64)
    if len(var) and not len(kept):
        seen = ", ".join(sorted({str(kind) for kind in kinds})[:3])
        raise DataError(
            f"{name}: none of its {len(var)} features is a gene ({names[0]}, …; types {seen}): genes are of "
            "type 'Gene Expression' in var['feature_types']"
        )
    ids = [list(var[column]) for column in IDS if column in var]
    features = [(names[i], *filter(None, (word(column[i]) for column in ids))) for i in kept]
    require_unique([feature[0] for feature in features], name)
    return kept, features


def _opened(path: Path) -> h5py.File:
    if not path.is_file():
        raise DataError(f"{path}: no such file; give the sections' .h5ad files")
    return open_hdf5(path, "not an h5ad file, or cut off")


def _reading(path: Path) -> AbstractContextManager[None]:
    return reading(path, "cannot be read as AnnData", "write it again")


def _element(file: h5py.File, name: str) -> Any:
    element: Any = file[name]
    return read_elem(element)


@contextmanager
def new_h5ad(path: Path, adata: anndata.AnnData) -> Iterator[h5py.File]:
    """Write an AnnData, whole or not at all, and yield its file for what is to be added.

    Raises:
        NoSpaceError: the disk is full.
    """
    with new_hdf5(path) as file:
        write_elem(file, "/", adata)
        if adata.raw is None:
            file.pop("raw", None)  # anndata does not read its own word for none
        yield file


def read_adata(path: Path) -> anndata.AnnData:
    """Read the whole file, its counts as they lie there (sparse stays sparse).

    Raises:
        DataError: the file is missing, no h5ad, broken, or larger than the memory that is free.
    """
    with _opened(path) as file, _reading(path):
        require_room(file, path)
    with _reading(path), path.open("rb") as opened:  # given a name, it insists on a lock, which not every disk has
        return anndata.read_h5ad(cast(Any, opened))


def read_places(adata: anndata.AnnData, name: str) -> np.ndarray:
    """Return `obsm['spatial']`, (n, 2) float64 x, y in pixels.

    Raises:
        DataError: it is missing, or not two finite numbers a cell.
    """
    if Keys.SPATIAL not in adata.obsm:
        raise DataError(f"{name}: no obsm['spatial']: put each cell's (x, y) in pixels of the image there")
    with reading(name, "obsm['spatial'] holds what is no number", "put each cell's (x, y) in pixels there"):
        places = np.asarray(adata.obsm[Keys.SPATIAL], dtype=np.float64)
    if places.ndim != 2 or places.shape[1] < 2 or not np.isfinite(places[:, :2]).all():
        raise DataError(f"{name}: obsm['spatial'] of shape {places.shape} must hold two finite numbers a cell, (x, y)")
    return places[:, :2]


def rows_of(adata: anndata.AnnData, where: str) -> Rows:
    """Return what its rows are known by: their names, and `obsm['spatial']` where it holds places."""
    places = None
    with suppress(DataError):
        places = read_places(adata, where)
    return Rows(where, list(adata.obs_names), places)


def read_counts(
    adata: anndata.AnnData, name: str, rows: np.ndarray | None = None, columns: np.ndarray | None = None
) -> csr_matrix:
    """Return the raw counts, (n, genes) without stored zeros: `layers['counts']` where there is one, else X.

    Args:
        adata: as it was read: a part of it (`adata[rows]`) would be cut out of a matrix that nobody has checked.
        name: for messages.
        rows: those that are wanted, in this order; None: all.
        columns: likewise.

    Raises:
        DataError: there are none, or they are not whole numbers of 0 or more.
    """
    slot = f"layers['{COUNTS_LAYER}']" if COUNTS_LAYER in adata.layers else "X"
    found = adata.layers.get(COUNTS_LAYER, adata.X)
    if found is None:
        raise DataError(f"{name}: has neither X nor layers['{COUNTS_LAYER}']: put the raw counts there")
    whole = csr_matrix(require_inside(found, f"{name}: {slot}") if issparse(found) else np.asarray(found))
    part: Any = whole if rows is None else whole[rows]
    counts = csr_matrix(part if columns is None else part[:, columns])
    return require_counts(counts, f"{name}: {slot}", f"give raw counts, or put them in layers['{COUNTS_LAYER}']")


def require_inside(matrix: Any, where: str) -> Any:
    """Return a sparse matrix whose indices all lie in it; others would be read from outside the memory that it has.

    Args:
        matrix: CSR or CSC, as a file gave it.
        where: its file and place, for the message.

    Raises:
        DataError: an index outside the matrix, or rows that do not follow one another.
    """
    try:
        matrix.check_format(full_check=True)
        if (np.diff(matrix.indptr) < 0).any():  # which SciPy does not look at where the last row ends at 0
            raise ValueError("its rows do not follow one another")
    except ValueError as error:
        raise DataError(f"{where}: its sparse matrix is broken ({error}): write the file again") from error
    return matrix


def require_counts(counts: csr_matrix, where: str, cure: str = "give raw counts") -> csr_matrix:
    """Return the counts without stored zeros; DataError where they are not whole numbers of 0 or more."""
    held: Any = counts
    if held.dtype.kind not in "iuf":
        raise DataError(f"{where} holds {held.dtype}, no numbers: {cure}")
    held.sum_duplicates()
    held.eliminate_zeros()
    values = held.data
    wrong = values[~(np.isfinite(values) & (values >= 0) & (values == np.floor(values)) & (values < 2**32))]
    if len(wrong):
        raise DataError(f"{where} holds {wrong[0]:.4g}: normalised or scaled? {cure}")
    return held


def over_genes(counts: csr_matrix, positions: np.ndarray, genes: int) -> csr_matrix:
    """Return the counts (n, genes) with each feature at its position in a gene list (-1: nowhere), same ones summed."""
    known = np.flatnonzero(positions >= 0)
    kept: Any = csr_matrix(counts[:, known])
    mapped = csr_matrix((kept.data, positions[known][kept.indices], kept.indptr), shape=(kept.shape[0], genes))
    mapped.sum_duplicates()
    return mapped


def sha256_of(path: Path) -> str:
    """Return the file's SHA-256, in hexadecimal.

    Raises:
        DataError: there is no such file.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
