"""Batches for a head that is trained with its tower: crops, and what was measured of their cells."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np
import torch

from past.base.errors import DataError
from past.base.stain import recolour
from past.base.types import Movable
from past.base.variable_genes import VARIABLE, variable_count
from past.data.shards.images import decode
from past.data.shards.index import ShardIndex
from past.data.shards.reader import Faults, OnError
from past.data.stream.datamodule import ModelSamples
from past.data.stream.sampling import sample_cells
from past.data.stream.stream import RawBatch
from past.models.past.samples.stain import StainTables, stain_tables
from past.models.past.samples.statistics import GeneStatistics, gene_statistics

SAMPLED: Final = 2_000  # cells of a section by which its panel is known


@dataclass
class ExpressionBatch(Movable):
    """B cells.

    Attributes:
        crops: (B, 3, H, W) uint8.
        counts: (B, genes) float32 raw counts.
        totals: (B, 1) float32 sums over all genes of the panel.
        measured: (B, genes) float32, 1 where the cell's section measured the gene.
        keys: of the samples.
    """

    crops: torch.Tensor
    counts: torch.Tensor
    totals: torch.Tensor
    measured: torch.Tensor
    keys: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.counts)


@dataclass(frozen=True)
class ExpressionMaker:
    """Makes batches, in a worker.

    Attributes:
        columns: (genes,) positions in the shards' gene list.
        panels: section → (genes,) float32.
        side: px of every crop.
        stain: see `stain_tables`; None: nothing becomes of the pixels.
        on_error: what a crop that does not decode does.
    """

    columns: np.ndarray
    panels: Mapping[str, np.ndarray]
    side: int
    stain: StainTables | None = None
    on_error: OnError = "raise"

    def __call__(self, raw: RawBatch, epoch: int) -> tuple[ExpressionBatch, Faults]:
        """Return the batch, and what its samples' faults were.

        Raises:
            DataError: a crop is broken (`on_error="raise"`), or no sample is left.
        """
        crops, rows, totals, panels, keys = [], [], [], [], []
        for cell in raw.samples:
            try:
                pixels = decode(cell.image, self.side).permute(1, 2, 0).numpy().copy()
            except DataError as error:
                named = DataError(f"{cell.shard}: sample {cell.key}: {error}")
                if self.on_error == "raise":
                    raise named from error
                raw.faults.add(cell.shard, named)
                continue
            section, own = str(cell.meta["section"]), int(cell.offsets[1])
            if self.stain is not None:
                recolour(pixels, self.stain[section])
            whole = np.zeros(int(self.columns.max(initial=0)) + 1, np.float32)
            inside = cell.genes[:own] < len(whole)
            whole[cell.genes[:own][inside]] = cell.counts[:own][inside]
            crops.append(torch.from_numpy(pixels).permute(2, 0, 1))
            rows.append(whole[self.columns])
            totals.append([float(cell.counts[:own].sum())])
            panels.append(self.panels[section])
            keys.append(cell.key)
        if not crops:
            raise DataError(f"batch {raw.number}: none of its samples can be read; the first: {raw.faults.first}")
        arrays = (np.stack(rows), np.array(totals, np.float32), np.stack(panels))
        counts, sums, measured = map(torch.from_numpy, arrays)
        return ExpressionBatch(torch.stack(crops), counts, sums, measured, keys), raw.faults


class ExpressionSamples(ModelSamples[ExpressionBatch]):
    """Crops and expression of cells in shards, for a `DataModule`.

    Args:
        vocabulary: "shards" (their gene list), or "variable:N" (the N most variable of the training patients).
        normalise_stain: bring every section's optical density to one mean and spread.
    """

    def __init__(self, vocabulary: str = "shards", normalise_stain: bool = False) -> None:
        self._vocabulary, self._normalise_stain = vocabulary, normalise_stain

    @property
    def model_sizes(self) -> dict[str, int]:
        """A number for each gene."""
        return {"genes": len(self.columns)}

    @property
    def gene_names(self) -> tuple[str, ...]:
        """Those predicted."""
        return tuple(self._shards.index.genes[i] for i in self.columns)

    @property
    def crops(self) -> dict[str, object]:
        """Scale and size of the crops, and whether their stain is normalised."""
        return {**super().crops, "normalise_stain": self._normalise_stain}

    @cached_property
    def statistics(self) -> GeneStatistics:
        """The training patients' genes."""
        return gene_statistics(
            self._shards.split.train, open_shard=self._shards.open_shard, on_error=self._shards.on_error
        )

    @cached_property
    def columns(self) -> np.ndarray:
        """Positions of the predicted genes in the shards' list."""
        if not self._vocabulary.startswith(VARIABLE):
            return np.arange(len(self._shards.index.genes))
        return self.statistics.most_variable(variable_count(self._vocabulary, self.statistics.varying))

    @cached_property
    def panels(self) -> dict[str, np.ndarray]:
        """Which of the genes each section measured: those that a sample of its cells holds."""
        found = {}
        for section in sorted({shard.section for shard in self._both.shards}):
            seen = np.zeros(len(self._shards.index.genes), np.float32)
            own = self._both.select(sections=[section])
            for cell in sample_cells(own, SAMPLED, self._shards.open_shard, self._shards.on_error):
                seen[cell.genes[: cell.offsets[1]]] = 1
            found[section] = seen[self.columns]
        return found

    @cached_property
    def stain(self) -> StainTables | None:
        """What becomes of each section's pixels; None: nothing."""
        if not self._normalise_stain:
            return None
        return stain_tables(self._both, open_shard=self._shards.open_shard, on_error=self._shards.on_error)

    @property
    def _both(self) -> ShardIndex:
        sides = self._shards.split
        shards = sorted({*sides.train.shards, *sides.val.shards}, key=lambda shard: shard.name)
        return replace(self._shards.index, shards=tuple(shards))

    def for_fitting(self, cells: int = 2000, batch: int = 256) -> list[ExpressionBatch]:
        """Return a sample of the training cells, the same on all ranks."""
        found = list(sample_cells(self._shards.split.train, cells, self._shards.open_shard, self._shards.on_error))
        make = self.collate(training=False, rank=0)
        return [make(RawBatch(i, found[i : i + batch], Faults()), 0)[0] for i in range(0, len(found), batch)]

    def collate(self, training: bool, rank: int) -> ExpressionMaker:
        """Return what makes batches; nothing is augmented."""
        side = int(self._shards.index.settings["px"])  # type: ignore[call-overload]
        return ExpressionMaker(self.columns, self.panels, side, self.stain, self._shards.on_error)
