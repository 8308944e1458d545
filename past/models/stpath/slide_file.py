"""Predictions as an AnnData: in memory, or written to disk block by block of spots, so that memory stays bounded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anndata
import numpy as np
from anndata import AnnData

from past.base.disk.locks import NO_LOCKS
from past.base.h5ad import new_h5ad, read_adata

RowsOfValues = tuple[slice, dict[str, np.ndarray]]  # rows, and "X" and each layer's values there


def in_memory(adata: AnnData, blocks: Iterator[RowsOfValues]) -> AnnData:
    """Fill `X` and layers of an AnnData that has none yet."""
    whole: dict[str, np.ndarray] = {}
    for rows, values in blocks:
        for name, block in values.items():
            whole.setdefault(name, np.empty(adata.shape, dtype=np.float32))[rows] = block
    adata.X = whole.pop("X")
    adata.layers.update(whole)
    return adata


def on_disk(path: Path, adata: AnnData, blocks: Iterator[RowsOfValues]) -> AnnData:
    """Write the AnnData with its `X` and layers to an h5ad file, whole or not at all; return it opened, not loaded.

    Raises:
        NoSpaceError: the disk is full.
    """
    with new_h5ad(path, adata) as file:
        file.pop("X", None)
        for rows, values in blocks:
            for name, block in values.items():
                where = name if name == "X" else f"layers/{name}"
                if where not in file:
                    made = file.create_dataset(where, adata.shape, np.float32)
                    made.attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
                dataset: Any = file[where]
                dataset[rows] = block
    try:
        return anndata.read_h5ad(path, backed="r")
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        return read_adata(path)  # a file system without locks, and this reader insists on one
