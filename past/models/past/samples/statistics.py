"""What the genes of a set of shards are like, from a bounded sample of its cells: their means and their variances."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np

from past.base.errors import DataError
from past.base.variable_genes import by_variance, variance_of
from past.base.vocabularies import TECHNOLOGIES, canonical
from past.data.shards.index import ShardIndex
from past.data.shards.reader import OnError, OpenShard
from past.data.stream.sampling import sample_cells
from past.models.past.samples.tokens import TARGET_SUM

CELLS = 20_000


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

    @property
    def varying(self) -> int:
        """How many genes vary at all."""
        return int((self.variance > 0).sum())

    def most_variable(self, genes: int) -> np.ndarray:
        """Return the positions of the `genes` most variable genes, ascending; `genes` is at most `varying`.

        A gene is chosen however few cells hold it.
        """
        return np.sort(by_variance(self.variance, np.ones(len(self.variance)))[:genes])


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
        technology = canonical(str(cell.meta["technology"]), TECHNOLOGIES, "technology")
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
    return GeneStatistics(means, variance_of(log_sum / read, log_square / read), read)


def _by_technology(index: ShardIndex) -> Iterator[ShardIndex]:
    """Yield the part of each technology: a rare one has a mean too."""
    sections = sorted({shard.section for shard in index.shards})
    of = {section: str(index.sections.get(section, {}).get("technology", "")) for section in sections}
    for technology in sorted(set(of.values())):
        yield index.select(sections=[section for section in sections if of[section] == technology])
