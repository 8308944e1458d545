"""Six ways to join a cell with its niche; each maps cell (B, width) and niche (B, width) to (B, width)."""

import torch
from torch import nn

from past.nn.layers import Attention, Part


class Add(Part):
    """0.6 cell + 0.4 niche."""

    def __init__(self, width: int) -> None:
        super().__init__()

    def forward(self, cell: torch.Tensor, niche: torch.Tensor) -> torch.Tensor:
        """Return (B, width)."""
        return 0.6 * cell + 0.4 * niche


class WeightedAdd(Part):
    """w cell + (1 - w) niche with one learned w = sigmoid(logit), at first sigmoid(0.7)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.tensor([0.7]))

    def forward(self, cell: torch.Tensor, niche: torch.Tensor) -> torch.Tensor:
        """Return (B, width)."""
        return torch.lerp(niche, cell, self.logit.sigmoid())


class Gated(Part):
    """g cell + (1 - g) niche, g computed for every cell from both."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * width, width)
        self.gate = nn.Linear(width, 1)
        nn.init.constant_(self.gate.bias, 0.5)

    def forward(self, cell: torch.Tensor, niche: torch.Tensor) -> torch.Tensor:
        """Return (B, width)."""
        gate = self.gate(self.mix(torch.cat([cell, niche], dim=-1)).relu()).sigmoid()
        return gate * cell + (1 - gate) * niche


class Film(Part):
    """LayerNorm(cell + 0.3 (γ·niche + β)), γ and β linear in the cell (after Perez et al. 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.generate = nn.Linear(width, 2 * width)
        self.norm = nn.LayerNorm(width)

    def forward(self, cell: torch.Tensor, niche: torch.Tensor) -> torch.Tensor:
        """Return (B, width)."""
        gamma, beta = self.generate(cell).chunk(2, dim=-1)
        return self.norm(cell + 0.3 * (gamma * niche + beta))


class Concat(Part):
    """ReLU(LayerNorm(Linear([cell, niche])))."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, cell: torch.Tensor, niche: torch.Tensor) -> torch.Tensor:
        """Return (B, width)."""
        return self.norm(self.mix(torch.cat([cell, niche], dim=-1))).relu()


class CrossAttention(Part):
    """The cell asks, itself and its niche answer; a score bias of -1 holds the niche back. Published default."""

    bias: torch.Tensor

    def __init__(self, width: int, *, heads: int = 4) -> None:
        super().__init__()
        self.attention = Attention(width, heads)
        self.norm = nn.LayerNorm(width)
        self.register_buffer("bias", torch.tensor([[0.0, -1.0]]))

    def forward(self, cell: torch.Tensor, niche: torch.Tensor) -> torch.Tensor:
        """Return (B, width)."""
        query, keys = cell[:, None], torch.stack([cell, niche], dim=1)
        return self.norm(cell + self.attention(query, keys, self.bias)[:, 0])
