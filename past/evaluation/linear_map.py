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
from past.data.stream import OpenShard, shard_stream
from past.models.colour import order_statistics

QUANTILES, GENES, COMPONENTS, ALPHA, SCALE = 32, 1000, 20, 10.0, 1e4


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


def linear_matcher(
    train: ShardIndex, val: ShardIndex, limit: int = 20_000, open_shard: OpenShard | None = None
) -> Linear:
    """Fit on the training cells, apply to the validation cells.

    32 order statistics of each colour channel (96 numbers), standardised within each section → ridge → the first 20
    principal components of the 1,000 most variable genes of the training cells, centred within each section and
    whitened; vectors are compared by their angle. It sees a whole section at a time: no other row of the table may.

    Args:
        train: cells that the map is fitted on, at most `limit`, evenly over the shards.
        val: cells that it is applied to.
        limit: see `train`.
        open_shard: how a shard is opened; None: as a file below the index.
    """
    fitted, applied = _read(train, limit, open_shard), _read(val, None, open_shard)
    square = fitted.expression.multiply(fitted.expression).mean(axis=0)
    variance = np.asarray(square - np.square(fitted.expression.mean(axis=0))).ravel()
    genes = np.sort(np.argsort(-variance, kind="stable")[:GENES])
    known, asked = (_centred(cells.expression[:, genes].toarray(), cells.sections) for cells in (fitted, applied))
    pca = PCA(min(COMPONENTS, *known.shape), svd_solver="full", whiten=True).fit(known)
    ridge = Ridge(alpha=ALPHA).fit(fitted.colours, pca.transform(known))
    return Linear(applied.keys, _unit(np.atleast_2d(ridge.predict(applied.colours))), _unit(pca.transform(asked)))


def _unit(vectors: np.ndarray) -> torch.Tensor:
    return F.normalize(torch.from_numpy(vectors.astype(np.float32)), dim=1)


def _read(index: ShardIndex, limit: int | None, open_shard: OpenShard | None) -> _Cells:
    """Read colours and expression of all cells, or of every s-th so that at most `limit` remain."""
    stride = 1 if limit is None else -(-index.samples // limit)
    keys, sections, colours, rows = [], [], [], []
    reading = Reading(batch_size=256, shuffle=False)
    seen = 0
    for batch in shard_stream(index, rank=0, seed=0, reading=reading, open_shard=open_shard):
        cells = [cell for i, cell in enumerate(batch.cells) if (seen + i) % stride == 0]
        seen += len(batch.cells)
        if not cells:
            continue
        crops = torch.stack([decode(cell.image) for cell in cells]).flatten(2).float() / 255
        colours.append(order_statistics(crops, QUANTILES).flatten(1).numpy())
        keys += [cell.key for cell in cells]
        sections += [str(cell.meta["section"]) for cell in cells]
        rows += [(cell.genes[: cell.offsets[1]], cell.counts[: cell.offsets[1]]) for cell in cells]
    indptr = np.cumsum([0, *(len(genes) for genes, _ in rows)])
    ids, counts = np.concatenate([g for g, _ in rows]), np.concatenate([c for _, c in rows]).astype(np.float64)
    expression = sp.csr_matrix((counts, ids.astype(np.int64), indptr), shape=(len(rows), len(index.genes)))
    total = np.maximum(np.asarray(expression.sum(axis=1)).ravel(), 1)
    expression = sp.csr_matrix(sp.diags(SCALE / total) @ expression)
    expression.data = np.log1p(expression.data)
    names = np.array(sections)
    return _Cells(keys, names, _standardise(np.concatenate(colours), names), expression)


def _centred(values: np.ndarray, sections: np.ndarray) -> np.ndarray:
    """Return values with mean 0 within each section."""
    result = values.astype(np.float64)
    for section in np.unique(sections):
        result[sections == section] -= result[sections == section].mean(axis=0)
    return result


def _standardise(values: np.ndarray, sections: np.ndarray) -> np.ndarray:
    """Return values with mean 0 and deviation 1 within each section: takes out most of the stain between sections."""
    result = _centred(values, sections)
    for section in np.unique(sections):
        deviation = result[sections == section].std(axis=0)
        result[sections == section] /= np.where(deviation > 0, deviation, 1)
    return result
