"""Attention with a bias by distance in memory that is linear in spots: chunk by chunk, forward and backward.

Without dropout each head of a chunk goes through torch's fused attention; on a CPU with AVX-512 a slide of MANY spots
goes through two matrix products of oneDNN and a softmax in place, which is faster (see `linear.py`): in STPath's
prediction of 3,798 spots the fused attention takes 1.09 times as long in all (two cores of an AVX-512 server
CPU, best of 6 in turn). `linear.ONEDNN` is the switch. Under dropout, and for gradients, a chunk's weights are made in
full, and in backward once more from the seed of what was dropped (as in Dao et al. 2022); of small slides they are kept
instead, without which a training step on two slides of 512 spots takes 1.06 times as long.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from past.nn.dropout import draw_keep
from past.nn.kernels.linear import UNIT, linear, takes_onednn
from past.nn.kernels.packed_slides import QUERIES, PackedSlides

MANY = 2048  # spots of a slide from which oneDNN's products are faster than torch's fused attention
PRODUCT_QUERIES = 3 * UNIT  # queries at a time in those products: their logits fit a cache


def chunked_distance_attention(
    qkv: torch.Tensor, weight: torch.Tensor, slides: PackedSlides, dropout: float = 0.0
) -> torch.Tensor:
    """Return `past.models.stpath.attention.distance_attention` of the same arguments, (H, S, D), on any device."""
    seed = int(torch.randint(2**31, ())) if dropout > 0 else 0  # on the host, where nothing waits
    wide = torch.promote_types(qkv.dtype, torch.float32)
    with torch.autocast(qkv.device.type, enabled=False):
        qkv_wide = qkv.to(wide)
        onednn = takes_onednn(qkv_wide[0, 0, :UNIT])  # asked here: within the function gradients are never recorded
        out = _ChunkedAttention.apply(qkv_wide, weight.to(wide), slides, dropout, seed, onednn)
    return out.to(qkv.dtype)  # type: ignore[union-attr]


class Drawn(NamedTuple):
    """Attention weights of a chunk (H, c, n), the same with the dropped ones at 0, and the factor for their mean."""

    weights: torch.Tensor
    dropped: torch.Tensor
    factor: float


class _ChunkedAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        qkv: torch.Tensor,
        weight: torch.Tensor,
        slides: PackedSlides,
        dropout: float,
        seed: int,
        onednn: bool,
    ) -> torch.Tensor:
        ctx.slides, ctx.dropout, ctx.seed = slides, dropout, seed
        _, heads, spots, width = qkv.shape
        out = qkv.new_empty(spots, heads, width).transpose(0, 1)  # a spot's heads lie together for what follows
        ctx.kept = []
        if dropout == 0:
            _attend(out, qkv, weight, slides, onednn)
        else:
            ctx.kept = _attend_with_dropout(out, qkv, weight, slides, dropout, seed)
        ctx.save_for_backward(qkv, weight, out)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        qkv, weight, out = ctx.saved_tensors
        grad_qkv, grad_weight = _gradients(grads[0], out, qkv, weight, ctx.slides, ctx.dropout, ctx.seed, ctx.kept)
        return grad_qkv, grad_weight, None, None, None, None


def _attend(out: torch.Tensor, qkv: torch.Tensor, weight: torch.Tensor, slides: PackedSlides, onednn: bool) -> None:
    """Fill `out` (H, S, D); one head at a time leaves room for more queries."""
    q, k, v = qkv
    for slide, keys in enumerate(slides.slides):
        products = onednn and slides.lengths[slide] >= MANY
        for rows, distances in slides.chunks(slide, heads=1, queries=PRODUCT_QUERIES if products else QUERIES):
            attend = _by_products if products and len(distances) % UNIT == 0 else _fused
            for h in range(len(q)):
                out[h, rows] = attend(q[h, rows], k[h, keys], v[h, keys], weight[h], distances)


def _fused(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, weight: torch.Tensor, distances: torch.Tensor
) -> torch.Tensor:
    """Return softmax(q·k/√D + weight · distances) · v of one head, (c, D)."""
    return F.scaled_dot_product_attention(q[None, None], k[None, None], v[None, None], weight * distances)[0, 0]


def _by_products(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, weight: torch.Tensor, distances: torch.Tensor
) -> torch.Tensor:
    """Return what `_fused` returns."""
    logits = linear(q / math.sqrt(q.shape[-1]), k).add_(distances, alpha=weight.item())
    torch.softmax(logits, -1, out=logits)  # in place: fresh memory would take longer than the softmax
    return linear(logits, v.T)


def _attend_with_dropout(
    out: torch.Tensor, qkv: torch.Tensor, weight: torch.Tensor, slides: PackedSlides, dropout: float, seed: int
) -> list[Drawn]:
    """Fill `out` (H, S, D), all heads at a time; return the chunks' weights where slides are small, else nothing."""
    q, k, v = qkv
    kept: list[Drawn] = []
    generator = torch.Generator(q.device).manual_seed(seed)
    for slide, keys in enumerate(slides.slides):
        for rows, distances in slides.chunks(slide, heads=len(q)):
            drawn = _weights(q[:, rows], k[:, keys], weight, distances, dropout, generator)
            torch.baddbmm(out[:, rows], drawn.dropped, v[:, keys], beta=0, alpha=drawn.factor, out=out[:, rows])
            if slides.small:
                kept.append(drawn)
    return kept


def _gradients(
    grad_out: torch.Tensor,
    out: torch.Tensor,
    qkv: torch.Tensor,
    weight: torch.Tensor,
    slides: PackedSlides,
    dropout: float,
    seed: int,
    kept: Sequence[Drawn],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradients of qkv (3, H, S, D) and of the weight (H,), given that of what came out.

    Args:
        grad_out: (H, S, D).
        out: (H, S, D) what came out.
        qkv: (3, H, S, D).
        weight: (H,).
        slides: which spots belong together, and where they lie.
        dropout: share of attention weights dropped.
        seed: of what was dropped.
        kept: the weights of all chunks in order, or nothing: they are made again.
    """
    q, k, v = qkv
    heads, spots, width = q.shape
    grad = qkv.new_zeros(spots, 3, heads, width).permute(1, 2, 0, 3)  # as qkv lies, so that it need not be copied
    grad_weight = torch.zeros_like(weight)
    generator = torch.Generator(q.device).manual_seed(seed)
    scale, again = 1 / math.sqrt(width), iter(kept)
    along = (grad_out * out).sum(-1, keepdim=True)
    for slide, keys in enumerate(slides.slides):
        for rows, distances in slides.chunks(slide, heads):
            query, key = q[:, rows], k[:, keys]
            drawn = next(again) if kept else _weights(query, key, weight, distances, dropout, generator)
            p, dropped, factor = drawn
            scaled = grad_out[:, rows] * factor
            grad[2, :, keys].baddbmm_(dropped.transpose(1, 2), scaled)
            # of a softmax under dropout: p · (g − Σ g · p) with g = kept · (scaled · v); p · kept is `dropped`, and
            # the sum is the gradient along what came out (Dao et al. 2022, appendix B)
            grad_logits = (scaled @ v[:, keys].transpose(1, 2)).mul_(dropped)
            grad_logits.addcmul_(p, along[:, rows], value=-1)
            grad[0, :, rows].baddbmm_(grad_logits, key, alpha=scale)
            grad[1, :, keys].baddbmm_(grad_logits.transpose(1, 2), query, alpha=scale)
            grad_weight += torch.einsum("hcn,cn->h", grad_logits, distances)
    return grad, grad_weight


def _weights(
    q: torch.Tensor,
    k: torch.Tensor,
    weight: torch.Tensor,
    distances: torch.Tensor,
    dropout: float,
    generator: torch.Generator,
) -> Drawn:
    """Make the weights of a chunk: softmax(q·k/√D + weight · distances), and what dropout leaves of it."""
    logits = weight[:, None, None] * distances
    p = logits.baddbmm_(q, k.transpose(1, 2), alpha=1 / math.sqrt(q.shape[-1])).softmax(-1)
    if dropout == 0:
        return Drawn(p, p, 1.0)
    keep, factor = draw_keep(p, dropout, generator)
    return Drawn(p, p.where(keep, 0), factor)
