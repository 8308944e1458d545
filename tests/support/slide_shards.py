"""A set of slide shards of a few sections, their features telling some of the genes."""

from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from past.data.shards.index import INDEX, ShardIndex
from past.data.shards.records import Section, SlideRecord
from past.data.shards.slides import SlideSet
from past.data.shards.write import write_shard

GENES = tuple(f"G{i}" for i in range(12))
WIDTH = 6
TOLD = 4  # of the genes, the first ones


def slide(name: str, spots: int, seed: int) -> SlideRecord:
    """Spots on a grid; each of the first genes follows one feature, which changes smoothly over the slide."""
    rng = np.random.default_rng(seed)
    coords = np.stack(np.divmod(np.arange(spots), 8)[::-1], axis=1).astype(np.float32) * 100
    waves = np.sin(coords @ rng.normal(0, 0.004, (2, TOLD)) + rng.uniform(0, 6, TOLD))
    features = np.concatenate([waves, rng.normal(0, 1, (spots, WIDTH - TOLD))], axis=1)
    rates = np.concatenate([6 * np.exp(waves), np.full((spots, len(GENES) - TOLD), 3.0)], axis=1)
    counts = csr_matrix(rng.poisson(rates))
    return SlideRecord(
        key=f"{name}_0000000",
        shard="",
        features=features.astype(np.float16),
        coords=coords,
        genes=counts.indices,
        counts=counts.data,
        offsets=counts.indptr,
        meta={
            "section": name, "patient": name[0], "organ": "Breast", "technology": "made up", "species": "human",
            "mpp": 0.5, "encoder": "planted", "spots": [f"{name}-{i}" for i in range(spots)],
        },
    )  # fmt: skip


def write_slides(root: Path, sections: tuple[str, ...] = ("A1", "A2", "B1", "C1"), spots: int = 64) -> Path:
    """Write the sections; a section's patient is its first letter."""
    root.mkdir(parents=True)
    shards = []
    for seed, name in enumerate(sections):
        section = Section(name, name[0], "Breast", "made up", "human")
        record = slide(name, spots, seed)
        shards.append(write_shard(root / f"{name}-000000.tar", [record], section, 0, len(GENES), "jpg"))
    settings: dict[str, object] = {
        "px": 16, "mpp": 0.5, "encoder": "planted", "fingerprint": "0", "width": WIDTH, "normalise_stain": False,
    }  # fmt: skip
    sections_known: dict[str, dict[str, object]] = {
        name: {
            "patient": name[0], "organ": "Breast", "technology": "made up", "species": "human", "spots": spots,
            "slides": 1,
        }
        for name in sections
    }  # fmt: skip
    index = ShardIndex(GENES, tuple(shards), settings, sections_known, str(root))
    (root / INDEX).write_text(index.to_json())
    return root


def part(slides: SlideSet, *sections: str) -> SlideSet:
    """Return some of the sections."""
    return SlideSet(slides.index.select(sections=sections))
