"""Measured spots as context: which of the slide's spots they are, and what the model is told of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.base.h5ad import genes_of, read_counts, rows_of
from past.base.joins import Rows, join_all
from past.models.stpath.vocabulary import GeneVocabulary

Context = AnnData | tuple[Sequence[int], AnnData]


@dataclass(frozen=True)
class Told:
    """What measured spots tell.

    Attributes:
        expression: (N, tokens) log1p of raw counts, of all spots of the slide.
        spots: (C,) the rows that are measured.
        genes: how many of the measured genes the vocabulary has.
        of_genes: how many are measured.
    """

    expression: csr_matrix
    spots: np.ndarray
    genes: int = 0
    of_genes: int = 0

    @staticmethod
    def nothing(spots: int, tokens: int) -> "Told":
        """Return what nothing tells."""
        return Told(csr_matrix((spots, tokens), dtype=np.float32), np.empty(0, dtype=np.int64))


def read_context(context: Context, slide: Rows, genes: GeneVocabulary) -> Told:
    """Return what measured spots tell.

    Counts of names that share one id are summed; names that the vocabulary has in no version are left out, and counted.

    Args:
        context: measured spots with raw counts (`layers['counts']`, or X), found on the slide by name, else by place
            (`obsm['spatial']`); or (row numbers of the slide's spots, measured spots).
        slide: what its N spots are known by.
        genes: the weights' vocabulary.

    Raises:
        DataError: not raw counts, spots that are not on the slide or twice, or no gene that the weights know.
    """
    given, adata = context if isinstance(context, tuple) else (None, context)
    spots = len(np.asarray(slide.places))
    positions, features = genes_of(pd.DataFrame(adata.var), "context")
    counts = read_counts(adata, "context", columns=positions)
    if given is None:
        cure = "coordinates of another image or scale, or barcodes of another run? give the features' own"
        rows = join_all(rows_of(adata, "context"), slide, "features", cure)
    else:
        rows = np.asarray(given, dtype=np.int64)
    if len(rows) != adata.n_obs:
        raise DataError(f"context: {len(rows)} row numbers for {adata.n_obs} measured spots; give one for each")
    outside = rows[(rows < 0) | (rows >= spots)]
    if len(outside):
        raise DataError(f"context: row {outside[0]} is not one of the {spots} spots; rows count from 0")
    if len(np.unique(rows)) < len(rows):
        raise DataError(f"context: {len(rows) - len(np.unique(rows))} spots are given twice; give each spot once")
    expression, known = log_counts(counts, features, genes, rows, spots)
    if not len(known):
        shown = ", ".join(names[0] for names in features[:3])
        raise DataError(f"context: none of its {len(features)} genes ({shown}, …) is in the vocabulary")
    return Told(expression, rows, len(known), len(features))


def log_counts(
    counts: csr_matrix, features: Sequence[tuple[str, ...]], genes: GeneVocabulary, rows: np.ndarray, spots: int
) -> tuple[csr_matrix, np.ndarray]:
    """Return log1p of counts by the weights' tokens (spots, tokens), and the tokens that are among the features.

    Args:
        counts: (C, f) raw counts; those of features that share a token are summed.
        features: (f,) each one's names.
        genes: the weights' vocabulary.
        rows: (C,) which of the spots each is.
        spots: how many there are.
    """
    tokens = genes.find(features)
    known = np.flatnonzero(tokens >= 0)
    kept: Any = counts[:, known]
    spot = np.repeat(rows, np.diff(kept.indptr))
    summed = csr_matrix((kept.data.astype(np.float32), (spot, tokens[known][kept.indices])), (spots, genes.tokens))
    summed.data = np.log1p(summed.data)
    return summed, tokens[known]
