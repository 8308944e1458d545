"""STPath's training examples: a patch of a slide, most of its expression hidden; pure functions of a generator.

Published: a patch of 64…1023 nearest spots, a mask ratio from beta(10, 1), 90 % of the masked spots hidden wholly and
10 % by half, 200 variable genes scored in 80 % of the steps and all observed ones in the others, technology untold in
80 % of the spots.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
import torch
from scipy.sparse import csr_matrix

from past.base.errors import ConfigError, require_number
from past.base.variable_genes import DETECTED, by_variance, variance_of
from past.models.stpath.batch import ScoredSlide, SlideBatch, SparseExpression
from past.models.stpath.vocabulary import MASK, PADDING

# MaskGIT's schedules as functions of a uniform draw (Chang et al. 2022, eq. 3), and the published beta.
MASK_RATIOS: Final = MappingProxyType[str, Callable[[np.random.Generator], float]](
    {
        "beta": lambda rng: rng.beta(10, 1),
        "uniform": lambda rng: rng.random(),
        "cosine": lambda rng: math.cos(math.pi / 2 * rng.random()),
        "square_root": lambda rng: 1 - math.sqrt(rng.random()),
        "square": lambda rng: 1 - rng.random() ** 2,
    }
)


@dataclass(frozen=True)
class Masking:
    """How training examples are made; the defaults are the published ones.

    Attributes:
        patch: smallest and largest number of spots in a patch.
        ratio: name of a schedule, or the constant share of spots to mask.
        wholly: share of the masked spots that lose all their expression; the others lose half of their genes.
        variable_genes: how many of the slide's most variable genes are scored …
        variable_share: … in this share of the examples; all observed genes in the others.
        technology_dropout: share of the spots whose technology is not told.
    """

    patch: tuple[int, int] = (64, 1023)
    ratio: str | float = "beta"
    wholly: float = 0.9
    variable_genes: int = 200
    variable_share: float = 0.8
    technology_dropout: float = 0.8

    def __post_init__(self) -> None:
        if isinstance(self.ratio, str) and self.ratio not in MASK_RATIOS:
            raise ConfigError(f"masking.ratio={self.ratio}: use a share, or one of {', '.join(MASK_RATIOS)}")
        if isinstance(self.ratio, float) and not 0 < self.ratio <= 1:
            raise ConfigError(f"masking.ratio={self.ratio}: a share of the spots; use 0 < ratio ≤ 1")
        for name in ("wholly", "variable_share", "technology_dropout"):
            require_number(f"masking.{name}", getattr(self, name), least=0.0, most=1.0)
        require_number("masking.variable_genes", self.variable_genes, least=1)
        if not 1 <= self.patch[0] <= self.patch[1]:
            raise ConfigError(f"masking.patch={list(self.patch)}: smallest and largest number of spots; use 1 ≤ a ≤ b")


@dataclass(frozen=True)
class Slide:
    """A whole slide as training reads it.

    Attributes:
        features: (N, F) float16 or float32.
        coords: (N, 2) float32, scaled to 0…100.
        expression: (N, tokens) log1p of raw counts.
        variable: tokens of the slide's most variable genes, most variable first.
        technology: technology token.
        organ: organ token.
    """

    features: np.ndarray
    coords: np.ndarray
    expression: csr_matrix
    variable: np.ndarray
    technology: int
    organ: int


def scale_coords(coords: np.ndarray) -> np.ndarray:
    """Return (N, 2) float32 coordinates in 0…100 per axis, an axis without range at 0; the argument is left alone."""
    shifted = np.asarray(coords, dtype=np.float64) - np.min(coords, axis=0)
    extent = shifted.max(axis=0)
    return (shifted / np.where(extent > 0, extent, 1) * 100).astype(np.float32)


def variable_genes(expression: csr_matrix, count: int, min_spots: float = DETECTED) -> np.ndarray:
    """Return the tokens of the `count` genes of largest variance of log1p expression, most variable first.

    Genes found in fewer than `min_spots` of the spots come last (published: they are left out).
    """
    mean = np.asarray(expression.mean(axis=0)).ravel()
    square = np.asarray(expression.multiply(expression).mean(axis=0)).ravel()
    found = np.bincount(expression.indices, minlength=len(mean)) / (len(expression.indptr) - 1)
    return by_variance(variance_of(mean, square), found, min_spots)[:count]


def nearest_patch(coords: np.ndarray, masking: Masking, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of a patch, ascending: the spots nearest to a random one; the whole slide where it is small."""
    size = int(rng.integers(masking.patch[0], masking.patch[1] + 1))
    centre = coords[rng.integers(len(coords))]
    if size >= len(coords):
        return np.arange(len(coords))
    return np.sort(np.argpartition(np.square(coords - centre).sum(axis=1), size - 1)[:size])


def choose_masked(spots: int, masking: Masking, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows to hide wholly and those to hide by half; at least one row in all."""
    ratio = MASK_RATIOS[masking.ratio](rng) if isinstance(masking.ratio, str) else masking.ratio
    masked = rng.permutation(spots)[: max(1, int(ratio * spots))]
    wholly = math.ceil(masking.wholly * len(masked))
    return masked[:wholly], masked[wholly:]


def drop_half(expression: csr_matrix, spots: np.ndarray, rng: np.random.Generator) -> csr_matrix:
    """Return (N, tokens) of which each of `spots` has lost a random half of its genes."""
    dropped = expression.copy()
    for spot in spots:
        start, stop = expression.indptr[spot : spot + 2]
        dropped.data[start + rng.permutation(stop - start)[: (stop - start) // 2]] = 0
    dropped.eliminate_zeros()
    return dropped


def tell(expression: csr_matrix, masked: np.ndarray) -> SparseExpression:
    """Return what the model is told of (N, tokens): the expression of all rows but `masked` (m,), which are masked."""
    spots = len(expression.indptr) - 1
    rows = np.repeat(np.arange(spots), np.diff(expression.indptr))
    told = ~np.isin(rows, masked)
    rows = np.concatenate([rows[told], masked])
    genes = np.concatenate([expression.indices[told], np.full(len(masked), MASK)])
    values = np.concatenate([expression.data[told], np.ones(len(masked))])
    order = np.argsort(rows, kind="stable")
    return SparseExpression(
        torch.from_numpy(genes[order].astype(np.int64)),
        torch.from_numpy(values[order].astype(np.float32)),
        torch.from_numpy(np.concatenate([[0], np.bincount(rows, minlength=spots).cumsum()])),
    )


def masked_example(slide: Slide, masking: Masking, rng: np.random.Generator) -> SlideBatch:
    """Return a random patch of the slide with most of its expression hidden, and what it is scored on."""
    patch = nearest_patch(slide.coords, masking, rng)
    expression = slide.expression[patch]
    wholly, partly = choose_masked(len(patch), masking, rng)
    masked = np.sort(np.concatenate([wholly, partly]))
    if rng.random() < masking.variable_share:
        genes = slide.variable[: masking.variable_genes]
    else:
        genes = np.unique(slide.expression.indices)
    told = rng.random(len(patch)) >= masking.technology_dropout
    return SlideBatch(
        features=torch.from_numpy(slide.features[patch]),
        coords=torch.from_numpy(slide.coords[patch]),
        lengths=(len(patch),),
        technology=torch.from_numpy(np.where(told, slide.technology, PADDING)),
        organ=torch.full((len(patch),), slide.organ),
        expression=tell(drop_half(expression, partly, rng), wholly),
        scored=(
            ScoredSlide(
                torch.from_numpy(masked),
                torch.from_numpy(genes.astype(np.int64)),
                torch.from_numpy(expression[masked][:, genes].toarray().astype(np.float32)),
            ),
        ),
    )


def join_slides(batches: Sequence[SlideBatch]) -> SlideBatch:
    """Lay slides end to end; a collate function."""
    starts = np.cumsum([0] + [len(batch) for batch in batches])
    entries = np.cumsum([0] + [len(batch.expression.genes) for batch in batches])
    told = [batch.expression for batch in batches]
    ends = [one.offsets[1:] + int(entry) for one, entry in zip(told, entries[:-1], strict=True)]
    return SlideBatch(
        features=torch.cat([batch.features for batch in batches]),
        coords=torch.cat([batch.coords for batch in batches]),
        lengths=tuple(length for batch in batches for length in batch.lengths),
        technology=torch.cat([batch.technology for batch in batches]),
        organ=torch.cat([batch.organ for batch in batches]),
        expression=SparseExpression(
            torch.cat([one.genes for one in told]),
            torch.cat([one.values for one in told]),
            torch.cat([torch.zeros(1, dtype=torch.long), *ends]),
        ),
        scored=tuple(
            replace(slide, spots=slide.spots + int(start))
            for batch, start in zip(batches, starts[:-1], strict=True)
            for slide in batch.scored
        ),
    )
