"""Attention with a bias by distance as its formula says it, all pairs at once: what the kernels are compared with."""

import math
from collections.abc import Sequence

import torch

LENGTHS = (5, 0, 1, 9)
HEADS, SPOTS, WIDTH = 3, sum(LENGTHS), 4


def inputs(dtype: torch.dtype = torch.float64, width: int = WIDTH) -> list[torch.Tensor]:
    """Return queries, keys and values (3, H, S, D), the heads' weights (H,) and coordinates (S, 2)."""
    generator = torch.Generator().manual_seed(0)
    qkv = torch.randn(3, HEADS, SPOTS, width, generator=generator, dtype=dtype)
    coords = torch.rand(SPOTS, 2, generator=generator, dtype=dtype) * 100
    weight = torch.randn(HEADS, generator=generator, dtype=dtype) * 0.05
    return [qkv, weight, coords]


def plain_attention(
    qkv: torch.Tensor, weight: torch.Tensor, coords: torch.Tensor, lengths: Sequence[int] = LENGTHS
) -> torch.Tensor:
    """Return softmax(q·k/√D + weight · distance) · v within each slide, (H, S, D)."""
    q, k, v = qkv
    slide = torch.repeat_interleave(torch.tensor(lengths))
    distance = (coords[:, None] - coords).square().sum(-1).sqrt()
    logits = q @ k.transpose(1, 2) / math.sqrt(q.shape[-1]) + weight[:, None, None] * distance
    return logits.masked_fill(slide[:, None] != slide, -math.inf).softmax(-1) @ v
