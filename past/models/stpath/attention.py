"""Attention whose logits carry a bias proportional to distance: STPath's spatial bias in its closed form.

The published code averages a bias-free linear map of (frame coordinates, distance) over the sign flips of the slide's
principal axes. The frame coordinates cancel in that average, so that what is left is
`bias[h, i, j] = w[h] · ‖x_i − x_j‖`: no frames, no eigen-decompositions, no spots × spots × 4 tensors.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F

from past.nn.dropout import draw_keep
from past.nn.kernels.flex import flex_available, flex_distance_attention
from past.nn.kernels.linear import WHOLE, linear, takes_onednn

TILE = 256  # queries that a core's kernel takes at once where it is given at least 768 …
CHUNK = 4 * TILE  # … so whole tiles of them at a time, the same number for two cores or four …
LOGITS = 5 * 2**24  # … but no more logits at a time than this (320 MB): above 81,920 spots, or 20,480 in training
MANY = 2048  # spots from which oneDNN's products are faster than the fused kernel, which uses MKL's
PRODUCT = 3 * WHOLE  # queries at a time in those products: their logits fit a cache
KEPT = 64 * 2**20  # bytes of distances that are kept for all layers (up to 4,096 spots); above it they are made again
CACHED = 2**17  # distances made at a time, so that what is between stays in a core's cache


class PackedSlides:
    """The spots of one or more slides laid end to end, and the distances between spots of one slide.

    Distances are float32 (or the coordinates' own wider type) under any autocast: the bias reaches ±75, where bfloat16
    would be off by 4 %.

    Args:
        coords: (S, 2) coordinates, each slide scaled to 0…100.
        lengths: spots of each slide; they sum to S.
        chunk: queries at a time; None chooses.
    """

    def __init__(self, coords: torch.Tensor, lengths: Sequence[int], chunk: int | None = None) -> None:
        assert sum(lengths) == len(coords), (sum(lengths), len(coords))
        self.coords = coords if coords.dtype == torch.float64 else coords.float()
        self.lengths = tuple(lengths)
        self.chunk = chunk
        self.small = sum(n * n for n in lengths) * self.coords.element_size() <= KEPT
        self._kept: dict[tuple[int, int], torch.Tensor] = {}

    def spans(self) -> Iterator[slice]:
        """Yield each slide's rows."""
        ends = itertools.accumulate(self.lengths)
        return (slice(end - length, end) for end, length in zip(ends, self.lengths, strict=True))

    def blocks(self, heads: int, products: bool = False) -> Iterator[tuple[slice, slice, torch.Tensor]]:
        """Yield (queries, keys, distances (c, N)): a chunk of a slide's spots against all of that slide's spots.

        The distances may lie where the next chunk's will: memory that is new costs more time than the distances.

        Args:
            heads: how many heads' logits the caller holds at a time.
            products: large slides go through oneDNN's products.
        """
        for spots, keys in zip(self.lengths, self.spans(), strict=True):
            most = LOGITS // (heads * max(1, spots))
            best = PRODUCT if products and spots >= MANY else CHUNK
            chunk = self.chunk or min(best, most // TILE * TILE or max(64, most))
            scratch = self.coords.new_empty(0 if self.small else min(chunk, spots), spots)
            for start in range(keys.start, keys.stop, chunk):
                queries = slice(start, min(start + chunk, keys.stop))
                yield queries, keys, self._distances(queries, keys, scratch)

    def _distances(self, queries: slice, keys: slice, scratch: torch.Tensor) -> torch.Tensor:
        own, others = self.coords[queries], self.coords[keys]
        if not self.small:
            return distances_into(scratch[: len(own)], own, others)
        block = queries.start, queries.stop
        if block not in self._kept:
            self._kept[block] = distances_into(own.new_empty(len(own), len(others)), own, others)
        return self._kept[block]


def distances_into(out: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Fill `out` (A, B) with the distances of a (A, 2) to b (B, 2): by differences, not by |a|² + |b|² − 2ab."""
    (ax, ay), (bx, by) = a.T[:, :, None], b.T.contiguous()
    rows = max(1, CACHED // max(1, len(b)))
    other = out.new_empty(min(rows, len(a)), len(b))
    for start in range(0, len(a), rows):
        block = out[start : start + rows]
        dy = other[: len(block)]
        torch.sub(ax[start : start + rows], bx, out=block)
        torch.sub(ay[start : start + rows], by, out=dy)
        block.mul_(block).addcmul_(dy, dy).sqrt_()
    return out


class _DistanceAttention(torch.autograd.Function):
    """Chunk by chunk; unless slides are small, backward makes a chunk's weights again: memory is linear in spots."""

    @staticmethod
    def forward(
        ctx: Any,
        qkv: torch.Tensor,
        weight: torch.Tensor,
        slides: PackedSlides,
        dropout: float,
        seed: int,
        products: bool,
    ) -> torch.Tensor:
        ctx.slides, ctx.dropout, ctx.seed = slides, dropout, seed
        ctx.kept = []
        q, k, v = qkv
        heads, spots, width = q.shape
        out = q.new_empty(spots, heads, width).transpose(0, 1)  # so that a spot's heads lie together for what follows
        generator = torch.Generator(q.device).manual_seed(seed)
        bias = slides.coords.new_empty(0)
        for rows, keys, distances in slides.blocks(1, products) if dropout == 0 else ():
            for h in range(heads):  # a head at a time leaves room for more queries
                query, key, value = q[h, rows], k[h, keys], v[h, keys]
                if products and len(key) >= MANY and len(query) % WHOLE == 0:
                    out[h, rows] = _by_products(query, key, value, weight[h], distances)
                    continue
                torch.mul(weight[h], distances, out=bias.resize_(distances.shape))
                attended = F.scaled_dot_product_attention(query[None, None], key[None, None], value[None, None], bias)
                out[h, rows] = attended[0, 0]
        for rows, keys, distances in slides.blocks(heads) if dropout > 0 else ():
            drawn = _, dropped, factor = _weights(q[:, rows], k[:, keys], weight, distances, dropout, generator)
            torch.baddbmm(out[:, rows], dropped, v[:, keys], beta=0, alpha=factor, out=out[:, rows])
            if slides.small:
                ctx.kept.append(drawn)
        ctx.save_for_backward(qkv, weight, out)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        qkv, weight, out = ctx.saved_tensors
        q, k, v = qkv
        spots, heads, width = qkv.shape[2], *q.shape[::2]
        grad = qkv.new_zeros(spots, 3, heads, width).permute(1, 2, 0, 3)  # as qkv lies, so that it need not be copied
        grad_weight = torch.zeros_like(weight)
        generator = torch.Generator(q.device).manual_seed(ctx.seed)
        scale = 1 / math.sqrt(width)
        along = (grads[0] * out).sum(-1, keepdim=True)
        for number, (rows, keys, distances) in enumerate(ctx.slides.blocks(heads)):
            query, key = q[:, rows], k[:, keys]
            if ctx.kept:
                p, dropped, factor = ctx.kept[number]
            else:
                p, dropped, factor = _weights(query, key, weight, distances, ctx.dropout, generator)
            grad_out = grads[0][:, rows] * factor
            grad[2, :, keys].baddbmm_(dropped.transpose(1, 2), grad_out)
            # of a softmax under dropout: p · (g − Σ g · p) with g = kept · (grad_out · v); p · kept is `dropped`, and
            # the sum is the gradient along what came out (Dao et al. 2022, appendix B)
            grad_logits = (grad_out @ v[:, keys].transpose(1, 2)).mul_(dropped)
            grad_logits.addcmul_(p, along[:, rows], value=-1)
            grad[0, :, rows].baddbmm_(grad_logits, key, alpha=scale)
            grad[1, :, keys].baddbmm_(grad_logits.transpose(1, 2), query, alpha=scale)
            grad_weight += torch.einsum("hcn,cn->h", grad_logits, distances)
        return grad, grad_weight, None, None, None, None


def _by_products(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, weight: torch.Tensor, distances: torch.Tensor
) -> torch.Tensor:
    """Return softmax(q·k/√D + weight · distances) · v of one head, (c, D).

    Each number of keys is two shapes to oneDNN, of which it keeps up to a thousand.
    """
    logits = linear(q / math.sqrt(q.shape[-1]), k).add_(distances, alpha=weight.item())
    torch.softmax(logits, -1, out=logits)  # in place: fresh memory would take longer than the softmax
    return linear(logits, v.T)


def _weights(
    q: torch.Tensor,
    k: torch.Tensor,
    weight: torch.Tensor,
    distances: torch.Tensor,
    dropout: float,
    generator: torch.Generator,
) -> tuple[torch.Tensor, torch.Tensor, float]:
    """Return softmax(q·k/√D + bias), (H, c, N), the same with what dropout takes at 0, and the factor for its mean."""
    logits = weight[:, None, None] * distances
    p = logits.baddbmm_(q, k.transpose(1, 2), alpha=1 / math.sqrt(q.shape[-1])).softmax(-1)
    if dropout == 0:
        return p, p, 1.0
    keep, factor = draw_keep(p, dropout, generator)
    return p, p.where(keep, 0), factor


def distance_attention(
    qkv: torch.Tensor, weight: torch.Tensor, slides: PackedSlides, dropout: float = 0.0
) -> torch.Tensor:
    """Attend within each slide with logits `q·k/√D + weight[h]·distance`.

    Args:
        qkv: (3, H, S, D) queries, keys and values.
        weight: (H,) the bias per unit of distance of each head.
        slides: which spots belong together, and their distances.
        dropout: share of attention weights dropped (0 outside training).

    Returns:
        (H, S, D) in qkv's type. Memory grows with S · chunk forward and backward, not with S².
    """
    if dropout == 0 and flex_available(qkv.device):
        q, k, v = qkv
        return flex_distance_attention(q, k, v, weight, slides.coords, slides.lengths)
    seed = int(torch.randint(2**31, ())) if dropout > 0 else 0
    wide = torch.promote_types(qkv.dtype, torch.float32)
    with torch.autocast(qkv.device.type, enabled=False):
        qkv_wide = qkv.to(wide)
        products = dropout == 0 and takes_onednn(qkv_wide[0, 0, :WHOLE])
        out = _DistanceAttention.apply(qkv_wide, weight.to(wide), slides, dropout, seed, products)
    return out.to(qkv.dtype)  # type: ignore[union-attr]
