"""Colour in numbers: the plainest image features, and an image encoder made of them."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F

from past.nn.image_encoder import as_unit_range
from past.nn.layers import Part
from past.nn.standardise import LEAST, standardised

# (pixels a block, what of each block, order statistics kept) of the 224 px at which crops are described
SCALES = ((4, "mean", 32), (16, "mean", 16), (4, "deviation", 16), (16, "deviation", 16))
SIDE = 224


def order_statistics(x: torch.Tensor, k: int) -> torch.Tensor:
    """Return k evenly spaced order statistics, minimum to maximum, over the last axis of (…, n): (…, k)."""
    n = x.shape[-1]
    places = torch.linspace(0, n - 1, k, device=x.device).round().long()
    return x.sort(dim=-1).values[..., places]


def optical_density(crops: torch.Tensor) -> torch.Tensor:
    """Return -log₁₀((v + 1) / 256) of crops with values v up to 255: stain adds up in it (Beer-Lambert)."""
    return -torch.log10((as_unit_range(crops) * 255 + 1) / 256)


def colour_distribution(crops: torch.Tensor) -> torch.Tensor:
    """Describe (B, 3, H, W) crops by how optical density is distributed: (B, 240), indifferent to turns and flips.

    Order statistics, channel by channel, of the means and the deviations of blocks of 4 and of 16 px.
    """
    density = optical_density(crops)
    if density.shape[-2:] != (SIDE, SIDE):
        density = F.interpolate(density, size=(SIDE, SIDE), mode="bilinear", antialias=True)
    fine = F.avg_pool2d(density, 4)
    maps = {
        (4, "mean"): fine,
        (16, "mean"): F.avg_pool2d(fine, 4),
        (4, "deviation"): (F.avg_pool2d(density**2, 4) - fine**2).clamp(min=0).sqrt(),
        (16, "deviation"): (F.avg_pool2d(fine**2, 4) - F.avg_pool2d(fine, 4) ** 2).clamp(min=0).sqrt(),
    }
    return torch.cat([order_statistics(maps[px, what].flatten(2), k).flatten(1) for px, what, k in SCALES], dim=1)


class ColourGrid(Part):
    """Mean of each colour channel in each field of an n × n grid, in [0, 1]; nothing is learned.

    Args:
        grid: n, a divisor of the crops' side; 4 gives 48 features.
    """

    alone_as = "image_encoder"

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
    """The distribution of colour, standardised over the training crops: learns from a few hundred spots on a CPU.

    Nothing in it is learned: `fit` once, and let the projection head learn.
    """

    alone_as = "image_encoder"

    centre: torch.Tensor
    scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.width = 3 * sum(k for _, _, k in SCALES)
        self.register_buffer("centre", torch.zeros(self.width))
        self.register_buffer("scale", torch.ones(self.width))

    def fit(self, crops: Iterable[torch.Tensor]) -> None:
        """Standardise by these crops from now on: batches of (B, 3, H, W), a sample of the training crops."""
        numbers = torch.cat([colour_distribution(batch) for batch in crops])
        self.centre.copy_(numbers.mean(dim=0))
        self.scale.copy_(numbers.std(dim=0).clamp(min=LEAST))

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (B, width) features of (B, 3, H, W) crops, uint8 or float in [0, 1]."""
        return standardised(colour_distribution(crops), self.centre, self.scale)
