"""Sets of shards for tests, written in milliseconds: tiny crops, few genes, any sizes."""

import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from past.data.shards.cell_format import encode_sample
from past.data.shards.entries import Shard
from past.data.shards.index import INDEX, ShardIndex
from past.data.shards.records import CellRecord, RawCell, Section
from past.data.shards.tar import TarReader

GENES = tuple(f"G{i}" for i in range(30))
SIDE = 16


def a_record(number: int, rows: int = 3, side: int = SIDE) -> CellRecord:
    """A cell that differs from every other number's."""
    rng = np.random.default_rng(number)
    genes = [np.sort(rng.choice(len(GENES), 1 + (number + row) % 9, replace=False)) for row in range(rows)]
    flat = np.concatenate(genes)
    return CellRecord(
        name=f"cell {number}",
        crop=rng.integers(0, 255, (side, side, 3), dtype=np.uint8),
        mpp=0.5,
        genes=flat,
        counts=rng.integers(1, 20, len(flat)),
        offsets=np.cumsum([0, *map(len, genes)]),
        positions=rng.random((rows, 2)) * 100,
    )


def members(number: int, section: str = "S0", patient: str = "P0", image_format: str = "png") -> dict[str, bytes]:
    """The three members of a sample, by name."""
    about = Section(section, patient, "breast", "Xenium", "Homo sapiens")
    return dict(encode_sample(a_record(number), about, f"{section}_{number:07d}", len(GENES), image_format))


def tar_of(contents: dict[str, bytes]) -> bytes:
    """A USTAR archive of these members."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def samples_of(content: bytes, shard: str = "S0.tar", genes: int | None = len(GENES)) -> list[RawCell]:
    """All samples of a shard's bytes, by the strict reader."""
    reader = TarReader(io.BytesIO(content), shard, genes)
    return list(iter(reader.read, None))


def write_set(root: Path, sizes: Sequence[int], patients: int = 3, image_format: str = "png") -> ShardIndex:
    """Write one shard of its own section for each size, and the index."""
    root.mkdir(parents=True, exist_ok=True)
    shards = []
    for i, size in enumerate(sizes):
        section, patient = f"S{i}", f"P{i % patients}"
        one = [members(number, section, patient, image_format) for number in range(size)]
        content = tar_of({name: body for sample in one for name, body in sample.items()})
        (root / f"{section}-000000.tar").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        shards.append(Shard(f"{section}-000000.tar", size, len(content), digest, section, (patient,)))
    index = ShardIndex(
        GENES,
        tuple(shards),
        {"px": SIDE, "mpp": 0.5, "neighbours": 2},
        {s.section: said_of(s) for s in shards},
        str(root),
    )
    (root / INDEX).write_text(index.to_json())
    return index


def said_of(shard: Shard) -> dict[str, object]:
    """What an index says of the section that is one shard."""
    about = {"patient": shard.patients[0], "organ": "breast", "technology": "Xenium", "species": "Homo sapiens"}
    return {**about, "cells": shard.samples}


def keys_of(index: ShardIndex) -> list[str]:
    """Every sample's key, in the index's order."""
    return [f"{shard.section}_{number:07d}" for shard in index.shards for number in range(shard.samples)]
