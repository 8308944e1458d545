"""A patient's risk from tiles, from gene sets, or from both, of which one may be missing."""

import torch
from torch import nn

from past.base.errors import ConfigError
from past.models.survival.batch import BagBatch
from past.models.survival.pooling import POOLS, Segments
from past.nn.dropout import Dropout
from past.nn.layers import Part
from past.nn.standardise import Standardise


class GeneSetTokens(nn.Module):
    """A token a gene set, its score times a vector of its own; then an MLP beside the identity on each."""

    def __init__(self, gene_sets: int, dim: int, dropout: float) -> None:
        super().__init__()
        self.norm = Standardise(gene_sets)
        self.scale = nn.Parameter(torch.randn(gene_sets, dim))
        self.bias = nn.Parameter(torch.zeros(gene_sets, dim))
        last = nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), Dropout(dropout), last)
        for parameter in last.parameters():
            nn.init.zeros_(parameter)  # begins linear in the scores

    def forward(self, scores: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        """Return (B, S, dim) of (B, S); of patients who are not `there` (B,) as of the training mean."""
        known = self.norm(scores).where(there[:, None], 0)
        tokens = known[..., None] * self.scale + self.bias
        return tokens + self.mlp(tokens)


class ImageArm(nn.Module):
    """Tiles on one scale, embedded each by itself, then pooled."""

    def __init__(self, features: int, dim: int, pool: str) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(features, elementwise_affine=False)
        self.embed, self.pool = nn.Linear(features, dim), POOLS[pool](dim)

    def forward(self, batch: BagBatch, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (B, dim), and the tiles' shares (T,)."""
        hidden = self.embed(self.norm(batch.tiles.to(self.embed.weight.dtype))).relu()
        return self.pool(hidden, Segments(batch.lengths), tokens)


class SurvivalModel(Part):
    """Two arms, (B, dim) each, end to end into a linear head; in the place of a missing arm stands a learned vector.

    Args:
        features: width of the tiles' features; 0: no image arm.
        gene_sets: their number; 0: no molecules.
        outputs: 1: log hazards (Cox); more: a logit of the hazard in each interval of time.
        dim: width of an arm.
        pool: of the tiles: mean, attention (gated), or gene_sets (gene-set tokens look at the tiles).
        dropout: of an arm, and in the gene sets' MLP.
    """

    def __init__(
        self,
        features: int = 0,
        gene_sets: int = 0,
        outputs: int = 1,
        *,
        dim: int = 128,
        pool: str = "attention",
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        if pool not in POOLS:
            raise ConfigError(f"model.pool={pool}: use {', '.join(POOLS)}")
        if not features and not gene_sets:
            raise ConfigError("model: neither features nor gene_sets: give data.samples.features or …gene_sets")
        if pool == "gene_sets" and not (features and gene_sets):
            raise ConfigError("model.pool=gene_sets: needs features and gene sets; use mean or attention")
        self.outputs, self.pool = outputs, pool
        self.image_arm = ImageArm(features, dim, pool) if features else None
        self.gene_set_arm = GeneSetTokens(gene_sets, dim, dropout) if gene_sets else None
        arms = {"image": self.image_arm, "molecules": self.gene_set_arm}
        there = [name for name, arm in arms.items() if arm is not None]
        self.missing = nn.ParameterDict({name: nn.Parameter(torch.zeros(dim)) for name in there})
        self.dropout = Dropout(dropout)
        self.head = nn.Linear(dim * len(there), outputs, bias=outputs > 1)  # Cox's likelihood knows no level
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)  # begins with the same risk for everybody

    def forward(self, batch: BagBatch) -> torch.Tensor:
        """Return (B, outputs)."""
        return self.with_attention(batch)[0]

    def with_attention(self, batch: BagBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (B, outputs), and (T,) what share of its patient's vector each tile has, which sum to 1."""
        tokens = self.tokens(batch)
        image, weights = self.image(batch, tokens)
        return self.outputs_of(image, self.molecules(batch, tokens)), weights

    def tokens(self, batch: BagBatch) -> torch.Tensor:
        """Return (B, S, dim) of the gene sets; S = 0 without them."""
        if self.gene_set_arm is None:
            return self.head.weight.new_zeros(len(batch), 0, 0)
        return self.gene_set_arm(batch.gene_sets, batch.has_gene_sets)

    def image(self, batch: BagBatch, tokens: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor]:
        """Return (B, dim) of the tiles, None without this arm, and the tiles' shares (T,)."""
        if self.image_arm is None:
            return None, self.head.weight.new_zeros(0)
        pooled, weights = self.image_arm(batch, tokens)
        return self._or_missing("image", pooled, batch.lengths > 0), weights

    def molecules(self, batch: BagBatch, tokens: torch.Tensor) -> torch.Tensor | None:
        """Return (B, dim) of the gene sets, None without this arm."""
        if self.gene_set_arm is None:
            return None
        # the mean of S standardised scores is small: √S brings it back
        return self._or_missing("molecules", tokens.mean(dim=1) * tokens.shape[1] ** 0.5, batch.has_gene_sets)

    def outputs_of(self, *arms: torch.Tensor | None) -> torch.Tensor:
        """Return (B, outputs) of the arms that there are."""
        return self.head(self.dropout(torch.cat([arm for arm in arms if arm is not None], dim=1)))

    def _or_missing(self, arm: str, vectors: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
        return vectors.where(there[:, None], self.missing[arm])


PARTS = (SurvivalModel,)
