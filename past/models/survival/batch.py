"""What the survival model takes: patients, their tiles laid end to end, their gene sets."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from past.base.types import Movable


@dataclass(frozen=True)
class BagBatch(Movable):
    """B patients, T tiles in all.

    Attributes:
        names: the patients'.
        tiles: (T, F) features of tiles, patient after patient; float16 or float32.
        lengths: (B,) int64 tiles of each patient; 0: no slides.
        gene_sets: (B, S) float32 scores of gene sets; 0 where there are none.
        has_gene_sets: (B,) bool.
        time: (B,) float32 months until the event or the end of observation.
        event: (B,) bool.
        interval: (B,) int64 number of the interval that `time` lies in.
    """

    names: tuple[str, ...]
    tiles: torch.Tensor
    lengths: torch.Tensor
    gene_sets: torch.Tensor
    has_gene_sets: torch.Tensor
    time: torch.Tensor
    event: torch.Tensor
    interval: torch.Tensor

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class BagStart:
    """What the training patients are like.

    Attributes:
        mean: (S,) of the gene sets' scores.
        std: (S,) their standard deviation.
    """

    mean: torch.Tensor
    std: torch.Tensor
