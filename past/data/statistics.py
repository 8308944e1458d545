"""What the genes of a set of shards are like, from a bounded sample of its cells: their means and their variances."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain

import numpy as np

from past.data.index import ShardIndex
from past.data.stream import Forward, LocalShards, OnError, OpenShard
from past.data.tokens import TARGET_SUM
from past.errors import DataError
from past.types import RawCell
from past.vocabularies import TECHNOLOGY, canonical

CELLS = 20_000
SHARDS = 64  # an address's shards are fetched whole


@dataclass(frozen=True)
class GeneStatistics:
    """Per gene of the shards' list; counts scaled to 10,000 a cell.

    Attributes:
        technology_mean: per technology, (G,) mean over the cells that express the gene; 0: none does.
        variance: (G,) variance of log1p over all cells.
        cells: number of cells that were read.
    """

    technology_mean: dict[str, np.ndarray]
    variance: np.ndarray
    cells: int

    def most_variable(self, genes: int) -> np.ndarray:
        """Return the positions of the `genes` most variable genes, ascending (equal variances: the earlier first).

        Raises:
            DataError: fewer genes vary.
        """
        varying = int((self.variance > 0).sum())
        if not 0 < genes <= varying:
            raise DataError(
                f"vocabulary=variable:{genes}: {varying:,} genes vary in the training data; ask for 1 to {varying}"
            )
        return np.sort(np.argsort(-self.variance, kind="stable")[:genes])


def gene_statistics(
    index: ShardIndex, cells: int = CELLS, open_shard: OpenShard | None = None, on_error: OnError = "raise"
) -> GeneStatistics:
    """Compute them from at most about `cells` cells of each technology; see `sample_cells`.

    Raises:
        DataError: nothing to read, or a sample is broken (`on_error="raise"`).
    """
    n_genes = len(index.genes)
    total: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(n_genes))
    expressing: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(n_genes))
    log_sum, log_square, read = np.zeros(n_genes), np.zeros(n_genes), 0
    for cell in chain.from_iterable(sample_cells(part, cells, open_shard, on_error) for part in _by_technology(index)):
        technology = canonical(str(cell.meta["technology"]), TECHNOLOGY, "technology")
        genes, counts = cell.genes[: cell.offsets[1]], cell.counts[: cell.offsets[1]].astype(np.float64)
        scaled = counts * (TARGET_SUM / max(counts.sum(), 1.0))
        total[technology][genes] += scaled
        expressing[technology][genes] += 1
        log = np.log1p(scaled)
        log_sum[genes] += log
        log_square[genes] += log * log
        read += 1
    if not read:
        raise DataError("there is no cell to compute the genes' means from: the training split is empty")
    means = {name: total[name] / np.maximum(expressing[name], 1) for name in sorted(total)}
    return GeneStatistics(means, np.maximum(log_square / read - (log_sum / read) ** 2, 0), read)


def _by_technology(index: ShardIndex) -> Iterator[ShardIndex]:
    """Yield the part of each technology: a rare one has a mean too."""
    sections = sorted({shard.section for shard in index.shards})
    of = {section: str(index.sections.get(section, {}).get("technology", "")) for section in sections}
    for technology in sorted(set(of.values())):
        yield index.select(sections=[section for section in sections if of[section] == technology])


def sample_cells(
    index: ShardIndex, cells: int, open_shard: OpenShard | None = None, on_error: OnError = "raise"
) -> Iterator[RawCell]:
    """Yield at most about `cells` cells, spread evenly over at most 64 shards, always the same ones of an index.

    Raises:
        DataError: a sample is broken (`on_error="raise"`; with "skip" it is passed over).
    """
    open_shard = open_shard or LocalShards(index.root)
    stocked = [shard for shard in index.shards if shard.samples]
    picked = [stocked[i * len(stocked) // SHARDS] for i in range(SHARDS)] if len(stocked) > SHARDS else stocked
    share = min(1.0, cells / max(sum(shard.samples for shard in picked), 1))
    for shard in picked:
        number = max(1, round(shard.samples * share))
        wanted = np.arange(number) * shard.samples // number
        with closing(Forward(open_shard, shard, index, wanted)) as forward:
            for place in wanted.tolist():
                cell = forward.take(place)
                if isinstance(cell, RawCell):
                    yield cell
                elif on_error == "raise":
                    raise cell
