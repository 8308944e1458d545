"""Cells of shards as a trained PAST sees them, beside what was measured of each."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
import scipy.sparse as sp
import torch
import torch.nn.functional as F

from past.base.errors import CheckpointError, DataError
from past.base.keys import Keys
from past.checkpoints.saved import Saved
from past.data.shards.index import ShardIndex
from past.data.shards.reader import LocalShards, OnError, OpenShard
from past.data.shards.records import RawCell
from past.data.shards.splits import Split
from past.data.stream.datamodule import OpenedShards
from past.data.stream.plan import Reading
from past.data.stream.stream import shard_stream
from past.models.past.batch import CellBatch
from past.models.past.model import PASTModel
from past.models.past.samples.cells import CellSamples

Describe = Callable[[torch.Tensor], torch.Tensor]  # (B, 3, H, W) uint8 → (B, d)
COLUMNS: Final = ("section", "patient", Keys.CELL_TYPE)
MATRICES: Final = ("images", "cells", "features")


@dataclass(frozen=True)
class ObservedCells:
    """n cells.

    Attributes:
        images: (n, D) float32 unit vectors of the crops.
        cells: (n, D) float32 unit vectors of the transcriptomes.
        features: (n, F) float32, what the image encoder gives.
        counts: (n, G) raw counts.
        genes: (G,) names.
        places: (n, 2) µm within the section.
        obs: section, patient and cell_type of each ("" where it is not said), by key.
        other: more descriptions of the crops, by name.
    """

    images: np.ndarray
    cells: np.ndarray
    features: np.ndarray
    counts: sp.csr_matrix
    genes: tuple[str, ...]
    places: np.ndarray
    obs: pd.DataFrame
    other: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.images)

    def at(self, rows: np.ndarray) -> "ObservedCells":
        """Return some of them, by (m,) int or (n,) bool."""
        counts: Any = self.counts
        parts: dict[str, Any] = {name: getattr(self, name)[rows] for name in (*MATRICES, "places")}
        other = {name: values[rows] for name, values in self.other.items()}
        obs = self.obs.iloc[np.arange(len(self))[rows]]
        return ObservedCells(counts=sp.csr_matrix(counts[rows]), genes=self.genes, obs=obs, other=other, **parts)

    def column(self, name: str) -> np.ndarray:
        """Return a column of `obs` as (n,) strings."""
        return self.obs[name].to_numpy(dtype=str)

    def panels(self) -> np.ndarray:
        """Return (n, G) bool: which genes are measured in each cell's section: those that any of its cells holds."""
        sections, number = np.unique(self.column("section"), return_inverse=True)
        one: Any = sp.csr_matrix((np.ones(len(self)), (number, np.arange(len(self)))), shape=(len(sections), len(self)))
        return ((one @ self.counts).toarray() > 0)[number]


def observe(
    saved: Saved,
    index: ShardIndex,
    batch_size: int = 128,
    open_shard: OpenShard | None = None,
    on_error: OnError = "raise",
    other: Mapping[str, Describe] | None = None,
) -> ObservedCells:
    """Read every cell of `index` once, and run both towers over it.

    Args:
        saved: a trained PAST, on the device where it computes.
        index: of the shards.
        batch_size: cells at a time.
        open_shard: how a shard is opened; None: as a file below the index.
        on_error: "raise", or "skip" cells that cannot be read.
        other: descriptions of the crops to make besides.

    Raises:
        CheckpointError: not a PAST.
        DataError: no cell, or one that cannot be read.
    """
    model = saved.model
    if not isinstance(model, PASTModel):
        raise CheckpointError(f"{saved.source}: holds a {type(model).__name__}, not PAST: give a PAST's checkpoint")
    if not index.samples:
        raise DataError(f"{index.root}: no cell to read: choose sections that are there")
    found: dict[str, list[torch.Tensor]] = {name: [] for name in (*MATRICES, *(other or {}))}
    raw: list[RawCell] = []
    for batch, cells in _batches(saved, index, batch_size, open_shard, on_error):
        for name, rows in _seen(model, batch, other or {}).items():
            found[name].append(rows)
        raw += cells
    if not raw:
        raise DataError(f"{index.root}: no cell that can be read")
    arrays = {name: torch.cat(rows).numpy() for name, rows in found.items()}
    obs = pd.DataFrame(
        {name: [str(cell.meta.get(name) or "") for cell in raw] for name in COLUMNS},
        index=pd.Index([cell.key for cell in raw]),
    )
    return ObservedCells(
        *(arrays.pop(name) for name in MATRICES),
        counts=counts_of(raw, len(index.genes)),
        genes=index.genes,
        places=np.stack([cell.positions[0] for cell in raw]).astype(np.float64),
        obs=obs,
        other=arrays,
    )


def _batches(
    saved: Saved, index: ShardIndex, batch_size: int, open_shard: OpenShard | None, on_error: OnError
) -> Iterator[tuple[CellBatch, list[RawCell]]]:
    samples = CellSamples(normalise_stain=bool(saved.crops.get("normalise_stain")))
    opener = open_shard or LocalShards(index.root)
    samples.attach(OpenedShards(index, Split(index, index), opener, on_error, 0))
    samples.use_tokenizer(saved.tokenizer)
    make = samples.collate(training=False, rank=0)
    reading = Reading(batch_size=batch_size, shuffle=False)
    stream = shard_stream(index, rank=0, seed=0, reading=reading, on_error=on_error, open_shard=opener)
    with closing(stream) as batches:  # type: ignore[type-var]
        for raw in batches:
            by_key = {cell.key: cell for cell in raw.samples}
            batch, _ = make(raw, 0)
            yield batch, [_own(by_key[key]) for key in batch.keys]


def _own(cell: RawCell) -> RawCell:
    """Return a cell without its picture and its neighbours: thousands of them are kept."""
    own, meta = int(cell.offsets[1]), {name: cell.meta.get(name) for name in COLUMNS}
    genes, counts = cell.genes[:own].copy(), cell.counts[:own].copy()
    return RawCell(cell.key, "", b"", genes, counts, cell.offsets[:2].copy(), cell.positions[:1].copy(), meta)


@torch.inference_mode()
def _seen(model: PASTModel, batch: CellBatch, other: Mapping[str, Describe]) -> dict[str, torch.Tensor]:
    moved = batch.to(next(model.parameters()).device)
    features = model.image_encoder(moved.crops)
    seen = {
        "images": F.normalize(model.image_head(features), dim=-1),
        "cells": model.encode_cell(moved.tokens, moved.values, moved.valid, moved.context_tokens),
        "features": features,
        **{name: describe(moved.crops) for name, describe in other.items()},
    }
    return {name: rows.float().cpu() for name, rows in seen.items()}


def counts_of(cells: list[RawCell], genes: int) -> sp.csr_matrix:
    """Return the cells' own counts, (n, genes)."""
    indptr = np.cumsum([0, *(len(cell.genes) for cell in cells)])
    ids = np.concatenate([cell.genes for cell in cells]).astype(np.int64)
    counts = np.concatenate([cell.counts for cell in cells]).astype(np.float64)
    found = sp.csr_matrix((counts, ids, indptr), shape=(len(cells), genes))
    found.sort_indices()
    return found


def log_expression(counts: sp.csr_matrix, target: float) -> sp.csr_matrix:
    """Return log1p of (n, G) counts scaled to a sum of `target` a cell, float32; a cell of none stays 0."""
    total = np.asarray(counts.sum(axis=1)).ravel()
    scaled: Any = sp.csr_matrix(sp.diags(target / np.maximum(total, 1)) @ counts)
    scaled.data = np.log1p(scaled.data).astype(np.float32)
    return scaled.astype(np.float32)


def usual_total(counts: sp.csr_matrix) -> float:
    """Return the median of the cells' sums of counts: what cells are scaled to."""
    return max(float(np.median(np.asarray(counts.sum(axis=1)))), 1.0)


def centred_units(rows: np.ndarray, sections: np.ndarray) -> np.ndarray:
    """Return (n, D) float32 unit vectors less their (n,) sections' means, of unit length again.

    Between sections images and transcriptomes lie apart on the sphere by stain and depth; within, by what cells are.
    """
    moved = rows.astype(np.float64)
    for section in np.unique(sections):
        moved[sections == section] -= moved[sections == section].mean(axis=0)
    return (moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)).astype(np.float32)


def standardised(values: np.ndarray, sections: np.ndarray) -> np.ndarray:
    """Return (n, d) float32 with mean 0 and deviation 1 within each section, which takes out most of its stain."""
    found = values.astype(np.float64)
    for section in np.unique(sections):
        own = sections == section
        found[own] = (found[own] - found[own].mean(axis=0)) / np.maximum(found[own].std(axis=0), 1e-9)
    return found.astype(np.float32)
