"""How large a training's data is, and what feeds it: arithmetic from a few measured numbers."""

import time
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from past.base.errors import DataError
from past.data.shards.index import ShardIndex
from past.data.stream.plan import Reading, plan_epoch
from past.data.stream.stream import shard_stream
from past.models.past.samples.batches import BatchMaker
from past.models.past.samples.statistics import gene_statistics
from past.models.past.samples.tokens import Tokenizer

HEADROOM: Final = 1.25  # loader cores beyond the mean rate, for the slow moments


def transformer_flops(tokens: int, width: int, layers: int, feedforward: int) -> float:
    """Return the floating-point operations of one forward pass: projections, feed-forward part and attention.

    A multiply-add counts as two; per layer 2·t·(4·w² + 2·w·f) + 4·t²·w.
    """
    return layers * (2 * tokens * (4 * width**2 + 2 * width * feedforward) + 4 * tokens**2 * width)


@dataclass(frozen=True)
class Sizing:
    """What a training on `gpus` GPUs needs.

    Attributes:
        cells: of the set.
        bytes_per_cell: in the shards, measured.
        cells_per_core: cells/s that one loader core reads, decodes and tokenises, measured.
        pairs_per_gpu: pairs/s that one GPU trains.
        gpus: number of ranks.
        reading: how they read; its world is not used.
        cells_per_shard: of a full shard.
        max_epochs: when training ends, -1: open.
        max_steps: updates when it ends, -1: open.
        accumulate: batches of an update.
    """

    cells: int
    bytes_per_cell: float
    cells_per_core: float
    pairs_per_gpu: float
    gpus: int
    reading: Reading = field(default_factory=Reading)
    cells_per_shard: int = 2_000
    max_epochs: int = 1
    max_steps: int = -1
    accumulate: int = 1

    def rows(self) -> dict[str, str]:
        """Return what people ask, in words, with its unit.

        Raises:
            DataError: fewer cells than GPUs.
        """
        shards = -(-self.cells // self.cells_per_shard)
        sizes = [self.cells_per_shard] * (shards - 1) + [self.cells - (shards - 1) * self.cells_per_shard]
        reading = Reading(self.gpus, self.reading.batch_size, self.reading.open_shards, self.reading.buffer)
        plan = plan_epoch(sizes, seed=0, epoch=0, rank=0, reading=reading)
        cores = HEADROOM * self.pairs_per_gpu / self.cells_per_core
        pairs = self.gpus * self.pairs_per_gpu
        megabytes = self.bytes_per_cell / 1e6
        updates = -(-plan.batches // self.accumulate)
        ends = [end for end in (self.max_epochs * updates, self.max_steps) if end >= 0]
        epochs = min(ends, default=updates) / updates
        return {
            "batch": f"{self.reading.batch_size} on each GPU, "
            f"{self.gpus * self.reading.batch_size * self.accumulate:,} an update",
            "shards": f"{shards:,} of {self.cells_per_shard:,} cells, {self.cells_per_shard * megabytes:.0f} MB",
            "disk": f"{self.cells * megabytes / 1e3:,.0f} GB",
            "pairs/s": f"{pairs:,.0f}",
            "epoch": f"{self.cells / pairs / 3600:.2f} h, {plan.batches:,} batches on each GPU",
            "training": f"{epochs * self.cells / pairs / 3600:,.1f} h, {round(epochs * updates):,} updates",
            "reads": f"{pairs * megabytes:,.0f} MB/s over all GPUs",
            "loader cores": f"{cores:.1f} for each GPU, {cores * self.gpus:,.0f} in all",
            "shuffle buffers": f"{self.reading.buffer * megabytes:,.0f} MB for each GPU",
        }


def measure_core(index: ShardIndex, cells: int = 1_024) -> float:
    """Return the cells/s that one core reads, decodes and tokenises from `index`, by the processor's own time.

    Raises:
        DataError: the set is empty, or a sample is broken.
    """
    if not index.samples:
        raise DataError(f"{index.root}: no cells to measure with")
    statistics = gene_statistics(index, cells)
    make = BatchMaker(Tokenizer(index.genes, index.genes, statistics.technology_mean), int(str(index.settings["px"])))
    stream = shard_stream(index, rank=0, seed=0, reading=Reading(buffer=1_000))
    for raw in islice(stream, 1):
        make(raw, 0)  # the first batch pays for what is set up once
    done, began = 0, time.process_time()
    stream = shard_stream(index, rank=0, seed=1, reading=Reading(buffer=1_000))
    for raw in stream:
        done += len(make(raw, 0)[0])
        if done >= cells:
            break
    return done / (time.process_time() - began)
