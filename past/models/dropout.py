"""Dropout with a quarter of a random number per element: on a CPU, draws are a tenth of a training step."""

import torch
from torch import nn

LEVELS = 2**16


def draw_keep(
    like: torch.Tensor, dropout: float, generator: torch.Generator | None = None
) -> tuple[torch.Tensor, float]:
    """Return which elements stay (bool, as `like`) and the factor that keeps their mean.

    Four elements share one draw of 64 bits; the share that is dropped is `dropout` to 1 / 65,536, the factor its own.
    """
    words = torch.empty(-(-like.numel() // 4), dtype=torch.int64, device=like.device)
    words.random_(-(2**63), None, generator=generator)
    dropped = round(dropout * LEVELS)
    keep = words.view(torch.int16)[: like.numel()].view(like.shape) >= dropped - LEVELS // 2
    return keep, LEVELS / (LEVELS - dropped)


class Dropout(nn.Module):
    """`nn.Dropout` by `draw_keep`."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x, in training with a share of its elements 0 and the others scaled up."""
        if not self.training or self.dropout == 0:
            return x
        keep, factor = draw_keep(x, self.dropout)
        return x * keep * factor
