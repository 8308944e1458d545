"""Features on one scale: mean 0 and deviation 1 over the training data."""

import torch
from torch import nn

LIMIT = 8.0  # deviations beyond which a number says no more
LEAST = 1e-3  # of a deviation: half a grey level, where features are colours


def standardised(x: torch.Tensor, centre: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Return (x - centre) / scale, cut at LIMIT."""
    return ((x - centre) / scale).clamp(-LIMIT, LIMIT)


class Standardise(nn.Module):
    """(x - centre) / scale, cut at LIMIT deviations; nothing is learned: `fit` once.

    Args:
        width: number of features.
    """

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def fit(self, mean: torch.Tensor, std: torch.Tensor) -> None:
        """Standardise by this mean and standard deviation (width,) from now on."""
        self.centre.copy_(mean)
        self.scale.copy_(std.clamp(min=LEAST))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (…, width) in the buffers' precision."""
        return standardised(x.to(self.centre.dtype), self.centre, self.scale)
