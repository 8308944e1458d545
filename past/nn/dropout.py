"""Dropout that shares one 64-bit draw among four elements; for a whole tensor, or row by row from each row's seed."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

LEVELS = 2**16
_seeds: torch.Tensor | None = None  # of the rows of the batch in hand; see `dropout_by_row`


def draw_keep(
    like: torch.Tensor, dropout: float, generator: torch.Generator | None = None
) -> tuple[torch.Tensor, float]:
    """Return which elements stay (bool, as `like`) and the factor that keeps their mean.

    Four elements share one draw of 64 bits; the share that is dropped is `dropout` to 1 / 65,536, the factor its own.
    With torch's own draws a training step of STPath takes 1.09 times as long (two cores of a server CPU).
    """
    words = torch.empty(-(-like.numel() // 4), dtype=torch.int64, device=like.device)
    words.random_(-(2**63), None, generator=generator)
    keep = words.view(torch.int16)[: like.numel()].view(like.shape)
    return _kept(keep, dropout)


def draw_keep_by_row(like: torch.Tensor, dropout: float, seeds: torch.Tensor) -> tuple[torch.Tensor, float]:
    """Return as `draw_keep`, each row of `like` (B, …) following from its own seed (B,) int64 alone."""
    width = like[0].numel()
    words = mix(seeds[:, None] + _GOLDEN * torch.arange(1, 1 - (-width // 4), device=like.device))
    return _kept(words.view(torch.int16)[:, :width].view(like.shape), dropout)


def _kept(levels: torch.Tensor, dropout: float) -> tuple[torch.Tensor, float]:
    dropped = round(dropout * LEVELS)
    return levels >= dropped - LEVELS // 2, LEVELS / (LEVELS - dropped)


_GOLDEN = 0x9E3779B97F4A7C15 - 2**64


def mix(x: torch.Tensor) -> torch.Tensor:
    """Return the finaliser of splitmix64 (Steele, Lea & Flood 2014) of int64, element by element."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9 - 2**64), (27, 0x94D049BB133111EB - 2**64)):
        x = (x ^ ((x >> shift) & (2 ** (64 - shift) - 1))) * factor
    return x ^ ((x >> 31) & (2**33 - 1))


def row_seeds() -> torch.Tensor | None:
    """Return the seeds that hold here, or None."""
    return _seeds


@contextmanager
def dropout_by_row(seeds: torch.Tensor | None) -> Iterator[None]:
    """Draw the dropout of each row of a batch from its own seed (B,): how the batch is cut up changes nothing.

    None: drawn from the default generator, as outside. Threads share it, as they share that generator.
    """
    global _seeds
    before, _seeds = _seeds, seeds
    try:
        yield
    finally:
        _seeds = before


def number_dropouts(model: nn.Module) -> None:
    """Give each `Dropout` in `model` a number of its own, without which all would drop the same elements of a row."""
    for site, layer in enumerate(layer for layer in model.modules() if isinstance(layer, Dropout)):
        layer.site.fill_(site)


class Dropout(nn.Module):
    """`nn.Dropout` by `draw_keep`, or `draw_keep_by_row` within `dropout_by_row`; used once a forward pass."""

    site: torch.Tensor

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        # a tensor: torch.compile would compile anew for every number; of the CPU also where weights are still to come
        self.register_buffer("site", torch.tensor(0, device="cpu"), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return x, in training with a share of its elements 0 and the others scaled up."""
        if not self.training or self.dropout == 0:
            return x
        if _seeds is None:
            keep, factor = draw_keep(x, self.dropout)
        else:
            keep, factor = draw_keep_by_row(x, self.dropout, mix(_seeds + self.site))
        return x.where(keep, 0).mul_(factor)
