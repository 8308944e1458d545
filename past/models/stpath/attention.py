"""STPath's attention between the spots of a slide: the nearer two spots lie, the more they may tell each other.

The published code adds to the logits a linear map of (frame coordinates, distance), averaged over the sign flips of the
slide's principal axes. The frame coordinates cancel in that average, so that what is left is

    softmax_j(q_i · k_j / √D + w[h] · ‖x_i − x_j‖)

for head h: no frames, no eigen-decompositions, no spots × spots × 4 tensors.
"""

import torch
from torch import nn

from past.nn.dropout import Dropout
from past.nn.kernels.distance_attention import chunked_distance_attention
from past.nn.kernels.flex import flex_available, flex_distance_attention
from past.nn.kernels.linear import Linear, by_rows
from past.nn.kernels.packed_slides import PackedSlides


class SpatialAttention(nn.Module):
    """Pre-norm attention between the spots of a slide with a bias per head and unit of distance.

    `edge` maps three numbers to the heads' biases, as published: two frame coordinates, which cancel exactly, and the
    distance. The first two columns are inert (their gradient is exactly zero), kept so that published weights come in
    and go out unchanged. Training starts at the slopes of ALiBi (Press et al. 2022), −2^(−8h/H) for head h = 1 … H, so
    that every head sees near spots best; a linear map's own start lets half of the heads look at the slide's far end.
    """

    def __init__(self, dim: int, heads: int, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_dropout = attention_dropout
        self.norm = nn.LayerNorm(dim)
        self.qkv = Linear(dim, 3 * dim)
        self.edge = nn.Linear(3, heads, bias=False)
        with torch.no_grad():
            self.edge.weight[:, 2] = -(2 ** (-8 / heads * torch.arange(1, heads + 1)))
        self.out = Linear(dim, dim)
        self.dropout = Dropout(dropout)

    def forward(self, x: torch.Tensor, slides: PackedSlides) -> torch.Tensor:
        """Return (S, dim) from (S, dim)."""
        return self.dropout(by_rows(self.out, self._mix(x, slides)))

    def _mix(self, x: torch.Tensor, slides: PackedSlides) -> torch.Tensor:
        qkv = by_rows(self._qkv, x, dim=2)
        dropout = self.attention_dropout if self.training else 0.0
        return distance_attention(qkv, self.edge.weight[:, 2], slides, dropout).transpose(0, 1).flatten(1)

    def _qkv(self, x: torch.Tensor) -> torch.Tensor:
        return self.qkv(self.norm(x)).view(len(x), 3, self.heads, -1).permute(1, 2, 0, 3)


def distance_attention(
    qkv: torch.Tensor, weight: torch.Tensor, slides: PackedSlides, dropout: float = 0.0
) -> torch.Tensor:
    """Attend within each slide with logits `q·k/√D + weight[h]·distance`.

    Args:
        qkv: (3, H, S, D) queries, keys and values.
        weight: (H,) the bias per unit of distance of each head.
        slides: which spots belong together, and where they lie.
        dropout: share of attention weights dropped (0 outside training).

    Returns:
        (H, S, D) in qkv's type. Memory grows with S forward and backward, not with S².
    """
    if dropout == 0 and flex_available(qkv.device):
        q, k, v = qkv
        return flex_distance_attention(q, k, v, weight, slides.coords, slides.lengths)
    return chunked_distance_attention(qkv, weight, slides, dropout)
