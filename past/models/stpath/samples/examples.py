"""From a slide as it lies in a shard to what STPath takes: over its vocabulary, masked, laid end to end."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.base.h5ad import over_genes
from past.data.shards.reader import Faults, OnError
from past.data.shards.records import SlideRecord
from past.data.shards.slides import raw_counts
from past.data.stream.stream import RawBatch
from past.models.stpath.batch import ScoredSlide, SlideBatch
from past.models.stpath.samples.masking import (
    Masking,
    Slide,
    join_slides,
    masked_example,
    scale_coords,
    tell,
    variable_genes,
)
from past.models.stpath.samples.statistics import LEAST
from past.models.stpath.vocabulary import organ_token, technology_or_padding


def read_slide(record: SlideRecord, tokens_of: np.ndarray, tokens: int, variable: int) -> Slide:
    """Return a slide as training reads it: log1p of raw counts, of genes with at least LEAST counts in it.

    Args:
        record: as it lies in the shard.
        tokens_of: (G,) token of each gene of the shards' list, -1: none; counts of one token are summed.
        tokens: their number.
        variable: how many of its most variable genes are noted.
    """
    counts = over_genes(raw_counts(record, len(tokens_of)), tokens_of, tokens)
    rare = np.bincount(counts.indices, counts.data, tokens) < LEAST
    counts.data[rare[counts.indices]] = 0
    counts.eliminate_zeros()
    expression = csr_matrix((np.log1p(counts.data), counts.indices, counts.indptr), shape=counts.shape)
    return Slide(
        features=record.features.copy(),  # what lies in the shard's bytes cannot be written to, and torch wants that
        coords=scale_coords(record.coords),
        expression=expression,
        variable=variable_genes(expression, variable),
        technology=technology_or_padding(str(record.meta["technology"])),
        organ=organ_token(str(record.meta["organ"])),
    )


@dataclass(frozen=True)
class MaskedSlides:
    """Makes training batches: of each slide a random patch, most of it masked.

    Attributes:
        tokens_of: (G,) token of each gene of the shards' list, -1: none.
        tokens: their number.
        masking: what is hidden.
        image_dropout: as in SlideSamples.
        no_image: (F,) features that stand in the place of hidden ones: the training slides' mean.
        seed: of the run.
        rank: this rank.
        on_error: as in DataModule.
    """

    tokens_of: np.ndarray
    tokens: int
    masking: Masking
    image_dropout: float
    no_image: np.ndarray
    seed: int
    rank: int
    on_error: OnError = "raise"

    def __call__(self, raw: RawBatch, epoch: int) -> tuple[SlideBatch, Faults]:
        """Return the batch; what is hidden follows from (seed, epoch, rank, number of the batch, place in it)."""
        examples = []
        for place, record in enumerate(_some(raw)):
            rng = np.random.default_rng([self.seed, epoch, self.rank, raw.number, place])
            slide = read_slide(record, self.tokens_of, self.tokens, self.masking.variable_genes)
            hidden = rng.random(len(record)) < rng.random() * self.image_dropout
            slide.features[hidden] = self.no_image
            examples.append(masked_example(slide, self.masking, rng))
        return join_slides(examples), raw.faults


@dataclass(frozen=True)
class WholeSlides:
    """Makes batches of whole slides, each several times over: with other shares of its spots told.

    Attributes:
        tokens_of: (G,) token of each gene of the shards' list, -1: none.
        tokens: their number.
        told: shares of the spots whose expression is told; all copies are scored on what the largest leaves.
        scored: (g,) tokens to score.
        seed: of the choice of told spots.
        on_error: as in DataModule.
    """

    tokens_of: np.ndarray
    tokens: int
    told: tuple[float, ...]
    scored: np.ndarray
    seed: int
    on_error: OnError = "raise"

    def __call__(self, raw: RawBatch, epoch: int) -> tuple[SlideBatch, Faults]:
        """Return the batch, the same in every epoch: slide after slide, and of each a copy for every share."""
        return join_slides([copy for record in _some(raw) for copy in self._copies(record)]), raw.faults

    def _copies(self, record: SlideRecord) -> list[SlideBatch]:
        slide = read_slide(record, self.tokens_of, self.tokens, 0)
        spots = len(record)
        order = np.random.default_rng([self.seed, zlib.crc32(record.key.encode())]).permutation(spots)
        masked = [np.sort(order[min(round(share * spots), spots - 1) :]) for share in self.told]
        scored = min(masked, key=len)
        target = ScoredSlide(
            torch.from_numpy(scored),
            torch.from_numpy(self.scored),
            torch.from_numpy(slide.expression[scored][:, self.scored].toarray().astype(np.float32)),
        )
        return [
            SlideBatch(
                features=torch.from_numpy(slide.features),
                coords=torch.from_numpy(slide.coords),
                lengths=(spots,),
                technology=torch.full((spots,), slide.technology),
                organ=torch.full((spots,), slide.organ),
                expression=tell(slide.expression, hidden),
                scored=(target,),
            )
            for hidden in masked
        ]


def _some(raw: RawBatch) -> Sequence[SlideRecord]:
    if not raw.samples:
        raise DataError(f"batch {raw.number}: none of its slides can be read; the first: {raw.faults.first}")
    return raw.samples
