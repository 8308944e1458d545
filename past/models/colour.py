"""Colour statistics on a grid: the plainest image features, and an image encoder made of them."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from past.errors import ConfigError
from past.models.image_encoder import as_unit_range
from past.models.layers import Part

DARKEST = 1 / 255


class ColourStatistics(Part):
    """Mean and standard deviation of each colour channel in each field of an n × n grid; nothing is learned.

    Args:
        grid: n; 4 gives 96 features.
        space: "rgb" in [0, 1], or "optical_density" = -log₁₀(rgb), in which stain adds up (Beer-Lambert).

    Raises:
        ConfigError: `space` is neither.
    """

    def __init__(self, grid: int = 4, space: Literal["rgb", "optical_density"] = "rgb") -> None:
        super().__init__()
        if space not in ("rgb", "optical_density"):
            raise ConfigError(f"space={space!r} is not known: use 'rgb' or 'optical_density'")
        self.grid = grid
        self.space = space
        self.width = 6 * grid * grid

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (B, 6·n·n) float32: n × n means of R, G, B, then n × n deviations, from (B, 3, H, W) crops."""
        x = as_unit_range(crops).float()
        if self.space == "optical_density":
            x = -x.clamp(min=DARKEST).log10()
        mean = F.adaptive_avg_pool2d(x, self.grid)
        # Centred first: E[x²] - E[x]² loses the digits of a nearly even field.
        shift = x.mean(dim=(2, 3), keepdim=True)
        variance = F.adaptive_avg_pool2d((x - shift) ** 2, self.grid) - (mean - shift) ** 2
        return torch.cat([mean, variance.clamp(min=0).sqrt()], dim=1).flatten(1)


class ColourGrid(Part):
    """Mean of each colour channel in each field of an n × n grid, in [0, 1]; nothing is learned.

    Args:
        grid: n, a divisor of the crops' side; 4 gives 48 features.
    """

    def __init__(self, grid: int = 4) -> None:
        super().__init__()
        self.grid = grid
        self.width = 3 * grid * grid

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (B, n·n·3) float32, in the order row, column, channel, from (B, 3, H, W) crops."""
        whole = crops.is_floating_point()
        # Sums of whole numbers are exact in float32, so the mean does not depend on their order.
        mean = F.avg_pool2d(crops.float(), (crops.shape[-2] // self.grid, crops.shape[-1] // self.grid))
        return (mean if whole else mean / 255).permute(0, 2, 3, 1).flatten(1)


class ColourEncoder(Part):
    """Colour statistics and a two-layer perceptron: an image encoder that learns from a few hundred spots on a CPU.

    Args:
        width: of the result.
        grid: as in ColourStatistics.
        space: as in ColourStatistics.
        hidden: hidden width of the perceptron.
        dropout: within the perceptron.
    """

    feature_mean: torch.Tensor
    feature_scale: torch.Tensor

    def __init__(
        self,
        *,
        width: int = 128,
        grid: int = 4,
        space: Literal["rgb", "optical_density"] = "rgb",
        hidden: int = 256,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.width = width
        self.statistics = ColourStatistics(grid, space)
        features = self.statistics.width
        self.mlp = nn.Sequential(nn.Linear(features, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width))
        self.register_buffer("feature_mean", torch.zeros(features))
        self.register_buffer("feature_scale", torch.ones(features))

    def standardise(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        """Read every statistic as (x - mean) / scale from now on; both (statistics.width,), `scale` > 0."""
        self.feature_mean.copy_(mean)
        self.feature_scale.copy_(scale)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (B, width) features of (B, 3, H, W) crops, uint8 or float in [0, 1]."""
        return self.mlp((self.statistics(crops) - self.feature_mean) / self.feature_scale)
