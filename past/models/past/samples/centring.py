"""Expression relative to its section: the mean over its cells is taken away, as stain normalisation does for pixels."""

from collections.abc import Iterable, Mapping

import numpy as np

from past.data.shards.index import ShardIndex
from past.data.shards.reader import OnError, OpenShard
from past.data.stream.sampling import sample_cells
from past.models.past.samples.tokens import Sentences, Tokenizer
from past.models.past.vocabulary import PADDING, RESERVED

CELLS = 2000  # of a section, at most: enough for a mean
BATCH = 256  # of them at a time

SectionMeans = Mapping[str, np.ndarray]


def section_means(
    index: ShardIndex, tokenizer: Tokenizer, open_shard: OpenShard | None = None, on_error: OnError = "raise"
) -> SectionMeans:
    """Return, for each section, the mean of log1p over its cells: (G,) for the G genes of the vocabulary."""
    means = {}
    for section in sorted({shard.section for shard in index.shards}):
        cells = list(sample_cells(index.select(sections=[section]), CELLS, open_shard, on_error))
        batches = (tokenizer(cells[start : start + BATCH]) for start in range(0, len(cells), BATCH))
        means[section] = mean_of_cells(batches, len(tokenizer.vocabulary))
    return means


def mean_of_cells(batches: Iterable[Sentences], genes: int) -> np.ndarray:
    """Return (genes,) float32: the mean over all cells, their neighbours left out."""
    total, cells = np.zeros(genes), 0
    for batch in batches:
        own = batch._replace(tokens=batch.tokens[:, :1], values=batch.values[:, :1])
        total += dense(own, genes).sum(axis=(0, 1), dtype=np.float64)
        cells += len(batch.tokens)
    return (total / cells).astype(np.float32)


def dense(sentences: Sentences, genes: int) -> np.ndarray:
    """Return (B, K, genes) float32 values in the vocabulary's order."""
    table = np.zeros((*sentences.tokens.shape[:2], RESERVED + genes), np.float32)
    np.put_along_axis(table, sentences.tokens, sentences.values, axis=2)
    return table[..., RESERVED:]


def centred(sentences: Sentences, means: np.ndarray) -> Sentences:
    """Return sentences of every gene, most above its section's mean first.

    Args:
        sentences: with room for all G genes (L ≥ G).
        means: (B, G), each cell's section's; (1, G): of one section.
    """
    values = dense(sentences, means.shape[1]) - means[:, None]
    order = np.argsort(-values, axis=2, kind="stable")
    tokens, found = np.full_like(sentences.tokens, PADDING), np.zeros_like(sentences.values)
    tokens[..., : means.shape[1]] = order + RESERVED
    found[..., : means.shape[1]] = np.take_along_axis(values, order, axis=2)
    tokens[~sentences.valid], found[~sentences.valid] = PADDING, 0
    return sentences._replace(tokens=tokens, values=found)
