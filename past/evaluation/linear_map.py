"""The baseline that every retrieval table shows: a linear map from colour statistics to expression components."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from past.data.images import decode
from past.data.index import ShardIndex
from past.data.plan import Reading
from past.data.stream import shard_stream
from past.models.colour import ColourStatistics

GENES, COMPONENTS, ALPHA, SCALE = 1000, 20, 10.0, 1e4


@dataclass(frozen=True)
class Linear:
    """Predicted (`images`) and measured (`cells`) expression components of n cells, (n, COMPONENTS) each."""

    keys: list[str]
    images: torch.Tensor
    cells: torch.Tensor


@dataclass(frozen=True)
class _Cells:
    keys: list[str]
    sections: np.ndarray
    colours: np.ndarray  # (n, 96), standardised within each section
    expression: sp.csr_matrix  # (n, genes) log1p of counts scaled to 10,000


def linear_matcher(train: ShardIndex, val: ShardIndex, limit: int = 20_000) -> Linear:
    """Fit on the training cells, apply to the validation cells.

    Colour statistics on a 4 × 4 grid (96 numbers), standardised within each section → ridge → the first 20 principal
    components of the 1,000 most variable genes of the training cells; vectors are normalised for comparison.

    Args:
        train: cells that the map is fitted on, at most `limit`, evenly over the shards.
        val: cells that it is applied to.
        limit: see `train`.
    """
    fitted, applied = _read(train, limit), _read(val, None)
    square = fitted.expression.multiply(fitted.expression).mean(axis=0)
    variance = np.asarray(square - np.square(fitted.expression.mean(axis=0))).ravel()
    genes = np.sort(np.argsort(-variance, kind="stable")[:GENES])
    dense = fitted.expression[:, genes].toarray()
    components = min(COMPONENTS, *dense.shape)
    pca = PCA(components, svd_solver="full").fit(dense)
    ridge = Ridge(alpha=ALPHA).fit(fitted.colours, pca.transform(dense))
    predicted = np.atleast_2d(ridge.predict(applied.colours))
    measured = pca.transform(applied.expression[:, genes].toarray())
    return Linear(applied.keys, _unit(predicted), _unit(measured))


def _unit(vectors: np.ndarray) -> torch.Tensor:
    return F.normalize(torch.from_numpy(vectors.astype(np.float32)), dim=1)


def _read(index: ShardIndex, limit: int | None) -> _Cells:
    """Read colours and expression of all cells, or of every s-th so that at most `limit` remain."""
    stride = 1 if limit is None else -(-index.samples // limit)
    statistics = ColourStatistics(grid=4)
    keys, sections, colours, rows = [], [], [], []
    reading = Reading(batch_size=256, shuffle=False)
    seen = 0
    for batch in shard_stream(index, rank=0, seed=0, reading=reading):
        cells = [cell for i, cell in enumerate(batch.cells) if (seen + i) % stride == 0]
        seen += len(batch.cells)
        if not cells:
            continue
        colours.append(statistics(torch.stack([decode(cell.image) for cell in cells])).numpy())
        keys += [cell.key for cell in cells]
        sections += [str(cell.meta["section"]) for cell in cells]
        rows += [(cell.genes[: cell.offsets[1]], cell.counts[: cell.offsets[1]]) for cell in cells]
    indptr = np.cumsum([0, *(len(genes) for genes, _ in rows)])
    ids, counts = np.concatenate([g for g, _ in rows]), np.concatenate([c for _, c in rows]).astype(np.float64)
    expression = sp.csr_matrix((counts, ids.astype(np.int64), indptr), shape=(len(rows), len(index.genes)))
    total = np.maximum(np.asarray(expression.sum(axis=1)).ravel(), 1)
    expression = sp.csr_matrix(sp.diags(SCALE / total) @ expression).log1p()
    names = np.array(sections)
    return _Cells(keys, names, _standardise(np.concatenate(colours), names), expression)


def _standardise(values: np.ndarray, sections: np.ndarray) -> np.ndarray:
    """Return values with mean 0 and deviation 1 within each section: takes out most of the stain between sections."""
    result = values.astype(np.float64)
    for section in np.unique(sections):
        rows = sections == section
        deviation = result[rows].std(axis=0)
        result[rows] = (result[rows] - result[rows].mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    return result
