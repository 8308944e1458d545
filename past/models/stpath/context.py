"""Measured spots as context: which of the slide's spots they are, and what the model is told of them."""

from collections.abc import Sequence

import numpy as np
from anndata import AnnData
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.base.h5ad import read_counts
from past.base.keys import Keys
from past.models.stpath.vocabulary import GeneVocabulary

Context = AnnData | tuple[Sequence[int], AnnData]


def read_context(context: Context, coords: np.ndarray, genes: GeneVocabulary) -> tuple[csr_matrix, np.ndarray]:
    """Return what measured spots tell: (N, tokens) log1p of raw counts, and the rows (C,) that are measured.

    Counts of names that share one id are summed; names that the vocabulary does not have are left out.

    Args:
        context: measured spots with raw counts (`layers['counts']`, or X), found on the slide by `obsm['spatial']`;
            or (row numbers of the slide's spots, measured spots).
        coords: (N, 2) the slide's coordinates.
        genes: the weights' vocabulary.

    Raises:
        DataError: not raw counts, spots that are not on the slide or twice, or no gene that the weights know.
    """
    given, adata = context if isinstance(context, tuple) else (None, context)
    counts = read_counts(adata, "context")
    rows = _rows_at(adata, coords) if given is None else np.asarray(given, dtype=np.int64)
    if len(rows) != len(counts.indptr) - 1:
        raise DataError(f"context: {len(rows)} row numbers for {adata.n_obs} measured spots; give one for each")
    outside = rows[(rows < 0) | (rows >= len(coords))]
    if len(outside):
        raise DataError(f"context: row {outside[0]} is not one of the {len(coords)} spots; rows count from 0")
    if len(np.unique(rows)) < len(rows):
        raise DataError(f"context: {len(rows) - len(np.unique(rows))} spots are given twice; give each spot once")
    names = list(map(str, adata.var_names))
    known = [name in genes for name in names]
    if not any(known):
        raise DataError(f"context: none of its {len(names)} genes ({', '.join(names[:3])}, …) is in the vocabulary")
    tokens = genes.encode(name for name, is_known in zip(names, known, strict=True) if is_known)
    kept = counts[:, np.flatnonzero(known)]
    spot = np.repeat(rows, np.diff(kept.indptr))
    summed = csr_matrix((kept.data.astype(np.float32), (spot, tokens[kept.indices])), (len(coords), genes.tokens))
    summed.data = np.log1p(summed.data)
    return summed, rows


def _rows_at(adata: AnnData, coords: np.ndarray) -> np.ndarray:
    """Return the rows of `coords` at which the measured spots lie."""
    if Keys.SPATIAL not in adata.obsm:
        raise DataError("context: no obsm['spatial'] to find its spots by; give (row numbers, AnnData) instead")
    row_at = {tuple(place): row for row, place in enumerate(np.asarray(coords, dtype=np.float64).tolist())}
    places = np.asarray(adata.obsm[Keys.SPATIAL], dtype=np.float64)[:, :2].tolist()
    missing = [place for place in places if tuple(place) not in row_at]
    if missing:
        x, y = missing[0]
        raise DataError(
            f"context: {len(missing)} of {len(places)} measured spots lie at no given spot (first: {x:g}, {y:g}): "
            "coordinates of another image or scale? give the features' own coordinates"
        )
    return np.array([row_at[tuple(place)] for place in places], dtype=np.int64)
