"""The baseline that every retrieval table shows: a linear map from colour statistics to expression components."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from past.base.errors import DataError
from past.base.variable_genes import by_variance, variance_of
from past.data.shards.images import decode
from past.data.shards.index import ShardIndex
from past.data.shards.reader import OnError, OpenShard
from past.data.shards.records import RawCell
from past.data.stream.plan import Reading
from past.data.stream.sampling import sample_cells
from past.data.stream.stream import shard_stream
from past.nn.colour import order_statistics

QUANTILES, GENES, COMPONENTS, ALPHA, SCALE = 32, 1000, 20, 10.0, 1e4


@dataclass(frozen=True)
class LinearMatch:
    """Predicted (`images`) and measured (`cells`) expression components of n cells, (n, COMPONENTS) each.

    `places` (n, 2) are the cells' own, in µm within the section.
    """

    keys: list[str]
    images: torch.Tensor
    cells: torch.Tensor
    places: np.ndarray


@dataclass(frozen=True)
class _Cells:
    keys: list[str]
    sections: np.ndarray
    colours: np.ndarray  # (n, 96), standardised within each section
    expression: sp.csr_matrix  # (n, genes) log1p of counts scaled to 10,000
    places: np.ndarray  # (n, 2) µm


def linear_matcher(
    train: ShardIndex,
    val: ShardIndex,
    limit: int = 20_000,
    open_shard: OpenShard | None = None,
    on_error: OnError = "raise",
) -> LinearMatch:
    """Fit on the training cells, apply to the validation cells.

    32 order statistics of each colour channel (96 numbers), standardised within each section → ridge → the first 20
    principal components of the 1,000 most variable genes of the training cells, centred within each section and
    whitened; vectors are compared by their angle. It sees a whole section at a time: no other row of the table may.

    Args:
        train: cells that the map is fitted on, about `limit` at most; see `sample_cells`.
        val: cells that it is applied to.
        limit: see `train`.
        open_shard: how a shard is opened; None: as a file below the index.
        on_error: "raise", or "skip" cells that cannot be read.

    Raises:
        DataError: a cell cannot be read, or (`on_error="skip"`) none of `train` or of `val`.
    """
    fitted = _read(sample_cells(train, limit, open_shard, on_error), train, on_error)
    applied = _read(_all_cells(val, open_shard, on_error), val, on_error)
    squared = fitted.expression.multiply(fitted.expression)
    variance = variance_of(*(np.asarray(each.mean(axis=0)).ravel() for each in (fitted.expression, squared)))
    genes = np.sort(by_variance(variance, np.ones(len(variance)))[:GENES])
    known, asked = (_centred(cells.expression[:, genes].toarray(), cells.sections) for cells in (fitted, applied))
    pca = PCA(min(COMPONENTS, *known.shape), svd_solver="full", whiten=True).fit(known)
    ridge = Ridge(alpha=ALPHA).fit(fitted.colours, pca.transform(known))
    return LinearMatch(
        applied.keys, _unit(np.atleast_2d(ridge.predict(applied.colours))), _unit(pca.transform(asked)), applied.places
    )


def _unit(vectors: np.ndarray) -> torch.Tensor:
    return F.normalize(torch.from_numpy(vectors.astype(np.float32)), dim=1)


def _all_cells(index: ShardIndex, open_shard: OpenShard | None, on_error: OnError) -> Iterator[RawCell]:
    reading = Reading(batch_size=256, shuffle=False)
    for batch in shard_stream(index, rank=0, seed=0, reading=reading, open_shard=open_shard, on_error=on_error):
        yield from batch.samples


def _read(found: Iterable[RawCell], index: ShardIndex, on_error: OnError) -> _Cells:
    """Read colours and expression of the cells of `index` that are `found`."""
    side = int(index.settings["px"])  # type: ignore[call-overload]
    keys, sections, colours, rows, places = [], [], [], [], []
    for cell in found:
        try:
            crop = decode(cell.image, side)
        except DataError as error:
            if on_error == "raise":
                raise DataError(f"{cell.shard}: sample {cell.key}: {error}") from error
            continue
        colours.append(order_statistics(crop.flatten(1)[None].float() / 255, QUANTILES).flatten().numpy())
        keys.append(cell.key)
        places.append(cell.positions[0])
        sections.append(str(cell.meta["section"]))
        rows.append((cell.genes[: cell.offsets[1]], cell.counts[: cell.offsets[1]]))
    if not rows:
        raise DataError(f"{index.root}: the linear map has no cell that can be read")
    indptr = np.cumsum([0, *(len(genes) for genes, _ in rows)])
    ids, counts = np.concatenate([g for g, _ in rows]), np.concatenate([c for _, c in rows]).astype(np.float64)
    expression = sp.csr_matrix((counts, ids.astype(np.int64), indptr), shape=(len(rows), len(index.genes)))
    total = np.maximum(np.asarray(expression.sum(axis=1)).ravel(), 1)
    expression = sp.csr_matrix(sp.diags(SCALE / total) @ expression)
    expression.data = np.log1p(expression.data)
    names = np.array(sections)
    return _Cells(keys, names, _standardise(np.stack(colours), names), expression, np.stack(places))


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
