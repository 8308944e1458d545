"""10x matrices as its instruments and programs write them: HDF5, Matrix Market folders, and Xenium's zipped Zarr."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.io import mmread
from scipy.sparse import csc_matrix, csr_matrix

from past.base.errors import DataError, reading
from past.base.foreign.gzipped import lines_of, open_bytes
from past.base.foreign.hdf5 import open_hdf5
from past.base.foreign.memory import require_memory
from past.base.genes import is_gene
from past.base.h5ad import require_counts, require_inside

MIN_QUALITY: Final = 20  # of a transcript: the instrument's own matrix counts those of this quality value and above
_DAMAGED = ("not a 10x matrix, or damaged", "copy it again")


@dataclass(frozen=True)
class Matrix:
    """Raw counts of genes.

    Attributes:
        counts: (cells, genes), without control probes, blanks, codewords of no gene, and proteins.
        features: each gene's symbol and Ensembl id.
        barcodes: the cells' names.
        controls: features that were left out.
    """

    counts: csr_matrix
    features: list[tuple[str, ...]]
    barcodes: list[str]
    controls: int


def find_matrix(folder: Path, stem: str) -> Path:
    """Return the matrix of this name: `<stem>.h5`, `<stem>.zarr.zip` or the folder `<stem>`.

    Raises:
        DataError: there is none.
    """
    for path in (folder / f"{stem}.h5", folder / f"{stem}.zarr.zip", folder / stem / "matrix.mtx.gz"):
        if path.is_file():
            return path
    raise DataError(f"{folder}: no {stem}.h5, {stem}.zarr.zip or {stem}/matrix.mtx.gz there: copy one of them")


def read_matrix_genes(path: Path) -> list[tuple[str, ...]]:
    """Return each gene's symbol and Ensembl id without reading counts."""
    return [names for names, kept in zip(*_features(path), strict=True) if kept]


def read_matrix(path: Path) -> Matrix:
    """Read a matrix that `find_matrix` found.

    Raises:
        DataError: damaged, or not such a matrix.
    """
    features, are_genes = _features(path)
    with _reading(path):
        if path.suffix == ".h5":
            counts, barcodes = _read_h5(path)
        elif path.suffix == ".zip":
            counts, barcodes = _read_zarr(path)
        else:
            counts, barcodes = csr_matrix(_mtx(path).T), list(lines_of(path.with_name("barcodes.tsv.gz")))
        if counts.shape != (len(barcodes), len(features)):
            raise ValueError(f"{counts.shape} counts for {len(barcodes)} cells × {len(features)} features")
        kept: Any = counts[:, np.flatnonzero(are_genes)]
    named = [names for names, kept in zip(features, are_genes, strict=True) if kept]
    return Matrix(require_counts(kept, str(path)), named, barcodes, len(features) - len(named))


def _features(path: Path) -> tuple[list[tuple[str, ...]], list[bool]]:
    """Return every feature's symbol and id, and whether it is a gene."""
    with _reading(path):
        if path.suffix == ".h5":
            with open_hdf5(path, *_DAMAGED) as file:
                group: Any = file["matrix/features"]
                names, ids, kinds = ([word.decode() for word in group[key]] for key in ("name", "id", "feature_type"))
        elif path.suffix == ".zip":
            said = _zarr(path).attrs
            names, ids, kinds = (list(said[key]) for key in ("feature_keys", "feature_ids", "feature_types"))
        else:
            rows = [line.split("\t") for line in lines_of(path.with_name("features.tsv.gz"))]
            ids, names = ([row[i] for row in rows] for i in (0, 1))
            kinds = [row[2] if len(row) > 2 else None for row in rows]
        features = [(str(name), str(identity)) for name, identity in zip(names, ids, strict=True)]
        are_genes = [is_gene(name, kind) for (name, _), kind in zip(features, kinds, strict=True)]
        return features, are_genes


def _read_h5(path: Path) -> tuple[csr_matrix, list[str]]:
    with open_hdf5(path, *_DAMAGED) as file:
        group: Any = file["matrix"]
        barcodes = [word.decode() for word in group["barcodes"]]
        parts = tuple(group[key][:] for key in ("data", "indices", "indptr"))
        counts = csr_matrix(parts, shape=tuple(group["shape"][:][::-1]))  # stored cell by cell
        return require_inside(counts, str(path)), barcodes


def _read_zarr(path: Path) -> tuple[csr_matrix, list[str]]:
    group = _zarr(path)
    parts = tuple(np.asarray(group[key][:]) for key in ("data", "indices", "indptr"))
    shape = (int(group.attrs["number_cells"]), int(group.attrs["number_features"]))
    counts = require_inside(csc_matrix(parts, shape=shape), str(path))  # gene by gene
    return csr_matrix(counts), cell_names(np.asarray(group["cell_id"][:]))


def _zarr(path: Path) -> Any:
    """Open the group of a zipped Zarr matrix."""
    try:
        import zarr
        from zarr.storage import ZipStore
    except ImportError as error:
        raise DataError(f"{path}: Zarr needs 'pip install past-pathology[spatial]'") from error
    return zarr.open_group(ZipStore(path, mode="r"), mode="r")["cell_features"]


def cell_names(numbers: np.ndarray) -> list[str]:
    """Return Xenium's names of cells (n, 2) of prefix and data set: the prefix in hexadecimal, its digits a to p.

    Runs before version 1.3 number their cells (n,) or (n, 1): the number is the name.
    """
    if numbers.ndim == 1 or numbers.shape[1] == 1:
        return [str(number) for number in numbers.ravel().tolist()]
    letters = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
    return [f"{prefix:08x}".translate(letters) + f"-{suffix}" for prefix, suffix in numbers.tolist()]


def _mtx(path: Path) -> Any:
    """Read a Matrix Market file; what it claims to hold is allocated before it is read."""
    with open_bytes(path) as file:
        for line in file:
            if not line.startswith(b"%"):
                require_memory(
                    24 * int(line.split()[2]), f"{path}: its {line.decode().strip()} values", "copy it again"
                )
                break
    with open_bytes(path) as file:
        return mmread(file)


def _reading(path: Path) -> AbstractContextManager[None]:
    return reading(path, *_DAMAGED)
