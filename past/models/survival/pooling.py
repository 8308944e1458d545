"""From the tiles of patients to one vector each, and how much each tile counts in it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn


@dataclass(frozen=True)
class Segments:
    """Where the T tiles of B patients lie: end to end, `lengths` (B,) of each; 0: none."""

    lengths: torch.Tensor

    @property
    def of_tile(self) -> torch.Tensor:
        """(T,) number of the patient of each tile."""
        return torch.repeat_interleave(torch.arange(len(self.lengths), device=self.lengths.device), self.lengths)

    def sum(self, rows: torch.Tensor) -> torch.Tensor:
        """Return (B, …) sums of (T, …) rows over each patient's tiles, in float32 or better."""
        rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
        return rows.new_zeros((len(self.lengths), *rows.shape[1:])).index_add(0, self.of_tile, rows)

    def softmax(self, scores: torch.Tensor) -> torch.Tensor:
        """Return (T, h) softmax of (T, h) scores over each patient's tiles, in float32 or better."""
        of_tile, scores = self.of_tile, scores.to(torch.promote_types(scores.dtype, torch.float32))
        top = scores.new_full((len(self.lengths), scores.shape[1]), -torch.inf)
        top = top.scatter_reduce(0, of_tile[:, None].expand_as(scores), scores.detach(), "amax")
        weights = (scores - top[of_tile]).exp()
        return weights / self.sum(weights)[of_tile]


class Pool(Protocol):
    """Pools hidden states of tiles (T, dim): (hidden, where they lie, tokens (B, S, dim)) → (B, dim), (T,) weights."""

    def __call__(
        self, hidden: torch.Tensor, segments: Segments, tokens: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what each patient's tiles are together, and what share of it each has."""
        ...


class MeanPool(nn.Module):
    """The mean: every tile counts the same."""

    def __init__(self, dim: int) -> None:
        super().__init__()

    def forward(
        self, hidden: torch.Tensor, segments: Segments, tokens: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Pool`."""
        weights = 1 / segments.lengths.clamp(min=1).to(hidden.dtype)[segments.of_tile]
        return segments.sum(hidden * weights[:, None]), weights


class GatedAttention(nn.Module):
    """aₜ = softmaxₜ w·(tanh(V hₜ) ⊙ σ(U hₜ)); Σ aₜ hₜ (Ilse, Tomczak & Welling 2018, eq. 9)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.value, self.gate = nn.Linear(dim, dim // 2), nn.Linear(dim, dim // 2)
        self.score = nn.Linear(dim // 2, 1, bias=False)  # the softmax knows no level

    def forward(
        self, hidden: torch.Tensor, segments: Segments, tokens: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Pool`."""
        weights = segments.softmax(self.score(self.value(hidden).tanh() * self.gate(hidden).sigmoid()))
        return segments.sum(hidden * weights), weights[:, 0]


class GeneSetAttention(nn.Module):
    """Gene-set tokens look at the tiles, and are averaged (the idea of MCAT, Chen et al. 2021, and of SurvPath)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(dim, dim), nn.Linear(dim, dim, bias=False)

    def forward(
        self, hidden: torch.Tensor, segments: Segments, tokens: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Pool`."""
        key, query = self.key(hidden), self.query(tokens) / hidden.shape[1] ** 0.5
        scores = torch.cat([k @ q.T for k, q in zip(key.split(segments.lengths.tolist()), query, strict=True)])
        weights = segments.softmax(scores).mean(dim=1)  # values are the same for all tokens: their mean may come first
        return segments.sum(hidden * weights[:, None]), weights


POOLS: dict[str, Callable[[int], nn.Module]] = {
    "mean": MeanPool,
    "attention": GatedAttention,
    "gene_sets": GeneSetAttention,
}
