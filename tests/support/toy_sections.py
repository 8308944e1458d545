"""Small sections for tests of the writer: pink noise for an image, and a source that dies where it is told to."""

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.data.shards.records import CellRecord, Section
from past.data.shards.settings import ShardSettings
from past.data.sources.tissue import TissueSection

GENES = tuple(f"G{i}" for i in range(12))
SETTINGS = ShardSettings("toy", px=16, mpp=0.5, neighbours=3, image_format="png", cells_per_shard=4)


class DyingSection(TissueSection):
    """Kills its own process when the cell `dies_at` is asked for."""

    dies_at: int

    def records(self, *, px: int, mpp: float | None, neighbours: int, start: int = 0) -> Iterator[CellRecord]:
        for i, record in enumerate(super().records(px=px, mpp=mpp, neighbours=neighbours, start=start), start):
            if i == self.dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            yield record


@dataclass(frozen=True)
class ToySource:
    """A section of random cells; `content` makes sections of one name differ, `broken` makes it fail when opened."""

    name: str
    cells: int = 10
    patient: str = "P"
    content: int = 0
    dies_at: int | None = None
    broken: bool = False

    def origin(self) -> dict[str, object]:
        return {"name": self.name, "content": self.content}

    def open(self, genes: Sequence[str]) -> TissueSection:
        if self.broken:
            raise DataError(f"{self.name}: broken on purpose")
        rng = np.random.default_rng([self.content, *self.name.encode()])
        pixels = np.array([225, 150, 190]) + rng.integers(-20, 20, (200, 200, 3))
        kind = TissueSection if self.dies_at is None else DyingSection
        section = kind(
            section=Section(self.name, self.patient, "breast", "Xenium", "Homo sapiens"),
            image=Image.fromarray(pixels.astype(np.uint8)),
            mpp=0.7,
            centres=rng.uniform(10, 190, (self.cells, 2)),
            counts=csr_matrix(rng.poisson(0.8, (self.cells, len(genes))).astype(np.float32)),
            names=[f"cell {i}" for i in range(self.cells)],
            facts={"seen": True},
        )
        if self.dies_at is not None:
            object.__setattr__(section, "dies_at", self.dies_at)
        return section
