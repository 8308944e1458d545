"""Shards in which a cell's colour tells its expression: two hidden numbers of each cell move both."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from shards import said_of, tar_of

from past.data.shards.cell_format import encode_sample
from past.data.shards.entries import Shard
from past.data.shards.index import INDEX, ShardIndex
from past.data.shards.records import CellRecord, Section

GENES = tuple(f"G{i}" for i in range(24))
SIDE = 16


@dataclass(frozen=True)
class Slice:
    """A section: whose it is, how many cells, how its stain and its depth of sequencing differ from the others'."""

    name: str
    patient: str
    cells: int = 40
    stain: int = 1  # a factor on pixel values below 85
    depth: int = 1  # a factor on counts


def write_planted(root: Path, slices: Sequence[Slice], linked: bool = True) -> ShardIndex:
    """Write one shard for each section; `linked=False` draws the colours from hidden numbers of their own."""
    root.mkdir(parents=True, exist_ok=True)
    shards = []
    for number, one in enumerate(slices):
        about = Section(one.name, one.patient, "breast", "Xenium", "Homo sapiens")
        contents: dict[str, bytes] = {}
        for i, record in enumerate(_records(one, np.random.default_rng([7, number]), linked)):
            contents |= encode_sample(record, about, f"{one.name}_{i:07d}", len(GENES), "png")
        content = tar_of(contents)
        (root / f"{one.name}-000000.tar").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        shards.append(Shard(f"{one.name}-000000.tar", one.cells, len(content), digest, one.name, (one.patient,)))
    index = ShardIndex(
        GENES,
        tuple(shards),
        {"px": SIDE, "mpp": 0.5, "neighbours": 2},
        {s.section: said_of(s) for s in shards},
        str(root),
    )
    (root / INDEX).write_text(index.to_json())
    return index


def _records(one: Slice, rng: np.random.Generator, linked: bool) -> list[CellRecord]:
    loadings = np.random.default_rng(1).normal(size=(2, len(GENES)))
    hidden = rng.normal(size=(one.cells, 2))
    shown = hidden if linked else rng.normal(size=hidden.shape)
    counts = 1 + rng.poisson(30 * np.exp(0.5 * hidden @ loadings))
    colour = np.clip(45 + np.stack([9 * shown[:, 0], 9 * shown[:, 1], 4 * shown.sum(axis=1)], axis=1), 15, 75)
    pixels = np.clip(colour[:, None, None] + rng.normal(0, 3, (one.cells, SIDE, SIDE, 3)), 5, 84).round()
    return [
        CellRecord(
            name=f"cell {i}",
            crop=(pixels[i] * one.stain).astype(np.uint8),
            mpp=0.5,
            genes=np.tile(np.arange(len(GENES)), 3),
            counts=one.depth * np.concatenate([counts[i], counts[i - 1], counts[i - 2]]),
            offsets=np.arange(4) * len(GENES),
            positions=rng.random((3, 2)) * 100,
        )
        for i in range(one.cells)
    ]
