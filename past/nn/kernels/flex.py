"""The same distance-bias attention as one fused kernel, where a GPU has it (PyTorch's flex-attention).

What it pays has not been measured: no GPU has run it yet. Its numbers are tested against the plain formula.
"""

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention


def flex_available(device: torch.device) -> bool:
    """Whether `device` runs the fused kernel: a CUDA GPU of compute capability 8.0 or newer."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)


@cache
def _compiled() -> tuple[Callable[..., BlockMask], Callable[..., torch.Tensor]]:
    return torch.compile(create_block_mask), torch.compile(flex_attention, dynamic=True)  # type: ignore[return-value]


def flex_distance_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    weight: torch.Tensor,
    coords: torch.Tensor,
    lengths: Sequence[int],
) -> torch.Tensor:
    """Return what `distance_attention` returns without dropout, (H, S, D); compiled on a GPU, plain elsewhere.

    Distances and bias are computed in float32 inside the kernel whatever the type of `q`, and never stored.
    """
    slide = torch.repeat_interleave(torch.tensor(lengths, device=q.device))
    x, y = coords[:, 0].contiguous(), coords[:, 1].contiguous()
    on_gpu = q.device.type == "cuda"

    def bias(score: torch.Tensor, _: torch.Tensor, h: torch.Tensor, i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
        dx, dy = x[i] - x[j], y[i] - y[j]
        return score + weight[h] * torch.sqrt(dx * dx + dy * dy)

    def same_slide(_: torch.Tensor, __: torch.Tensor, i: torch.Tensor, j: torch.Tensor) -> torch.Tensor:
        return slide[i] == slide[j]

    make_mask, attend = _compiled() if on_gpu else (create_block_mask, flex_attention)
    mask = make_mask(same_slide, None, None, len(coords), len(coords), device=str(q.device))
    out = attend(q[None], k[None], v[None], score_mod=bias, block_mask=mask if len(lengths) > 1 else None)
    return out[0]  # type: ignore[index]
