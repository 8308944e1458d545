"""What STPath takes: slides, their spots laid end to end."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from past.base.types import Movable


@dataclass(frozen=True)
class SparseExpression(Movable):
    """log1p expression of S spots, row after row; a masked spot is one entry: the mask's token with value 1.

    Attributes:
        genes: (n,) int64 gene tokens, none twice in a row.
        values: (n,) float32.
        offsets: (S + 1,) int64, row i is genes[offsets[i]:offsets[i + 1]].
    """

    genes: torch.Tensor
    values: torch.Tensor
    offsets: torch.Tensor

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class ScoredSlide(Movable):
    """What one slide of a batch is scored on.

    Attributes:
        spots: (m,) int64 rows of the batch: the masked spots.
        genes: (g,) int64 gene tokens.
        values: (m, g) float32 measured log1p expression.
    """

    spots: torch.Tensor
    genes: torch.Tensor
    values: torch.Tensor


@dataclass(frozen=True)
class SlideBatch(Movable):
    """One or more slides (or patches of slides) for STPath, their S spots laid end to end.

    Attributes:
        features: (S, F) image features of the spots, float16 or float32.
        coords: (S, 2) float32, each slide scaled to 0…100.
        lengths: spots of each slide; they sum to S.
        technology: (S,) int64 technology tokens.
        organ: (S,) int64 organ tokens.
        expression: what the model is told of the spots' expression.
        scored: what each slide is scored on; empty outside training.
    """

    features: torch.Tensor
    coords: torch.Tensor
    lengths: tuple[int, ...]
    technology: torch.Tensor
    organ: torch.Tensor
    expression: SparseExpression
    scored: tuple[ScoredSlide, ...] = ()

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class SlideStart:
    """What the training slides are like, for the parts of STPath that are fitted and not learned.

    Attributes:
        feature_mean: (F,) of the image features.
        feature_std: (F,) their standard deviation.
        expression: (tokens,) mean log1p expression; 0 of the reserved tokens.
    """

    feature_mean: torch.Tensor
    feature_std: torch.Tensor
    expression: torch.Tensor
