"""STPath's objective: how far the predicted expression of masked spots lies from the measured one."""

from collections.abc import Callable, Sequence

import torch

from past.models.stpath.batch import ScoredSlide


def masked_expression(
    hidden: torch.Tensor,
    head: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    scored: Sequence[ScoredSlide],
) -> torch.Tensor:
    """Return the mean squared error of log1p expression over all scored (spot, gene) pairs, a scalar.

    Each slide is scored at its masked spots over its own genes, and `head` evaluated for these only; every pair of
    every slide weighs the same.

    Args:
        hidden: (S, dim) hidden states of all spots.
        head: (spots (m, dim), genes (g,)) → predicted log1p expression (m, g).
        scored: each slide's masked spots, genes and measured values.
    """
    errors = [(head(hidden[slide.spots], slide.genes) - slide.values).square().sum() for slide in scored]
    return torch.stack(errors).sum() / sum(slide.values.numel() for slide in scored)
