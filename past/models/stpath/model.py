"""STPath: image features of a slide's spots → expression of all genes, by masked-expression modelling.

Source: Huang et al., npj Digital Medicine 2025 (bioRxiv 2025.04.19.649665); published sizes are the defaults.
"""

import torch
from torch import nn

from past.models.stpath.attention import SpatialAttention
from past.models.stpath.batch import SlideBatch
from past.models.stpath.gene_embedding import ExpressionEmbedding, GeneHead, GeneTable
from past.nn.dropout import Dropout
from past.nn.kernels.linear import Linear, by_rows
from past.nn.kernels.packed_slides import PackedSlides
from past.nn.layers import Part
from past.nn.standardise import Standardise


class SpotBlock(nn.Module):
    """x + attention(norm(x)), then x + MLP(x); the MLP's norm sits on its hidden layer, as published."""

    def __init__(self, dim: int, heads: int, mlp_ratio: float, dropout: float, attention_dropout: float) -> None:
        super().__init__()
        hidden = int(dim * mlp_ratio)
        self.attention = SpatialAttention(dim, heads, dropout, attention_dropout)
        self.mlp = nn.Sequential(
            Linear(dim, hidden),
            nn.GELU(),
            Dropout(dropout),
            nn.LayerNorm(hidden),
            Linear(hidden, dim),
            Dropout(dropout),
        )

    def forward(self, x: torch.Tensor, slides: PackedSlides) -> torch.Tensor:
        """Return (S, dim) from (S, dim)."""
        x = x + self.attention(x, slides)
        return by_rows(lambda rows: rows + self.mlp(rows), x)


class STPath(Part):
    """One token per spot: image feature + expression (known or masked) + technology + organ, through `depth` blocks.

    Args:
        tokens: gene tokens, padding and mask included.
        features: width of the image features.
        dim: width of the model.
        depth: blocks.
        heads: attention heads.
        mlp_ratio: hidden width of the MLP over `dim`.
        dropout: after the attention's and the MLP's linear maps.
        attention_dropout: of attention weights.
        technologies: technology tokens.
        organs: organ tokens.
        standardise: bring image features to one scale first, the training data's (`features_norm.fit`).

    Attributes:
        chunk: query spots at a time in attention; None chooses.
    """

    reads_genes = True

    chunk: int | None = None

    def __init__(
        self,
        tokens: int,
        *,
        features: int = 1536,
        dim: int = 512,
        depth: int = 4,
        heads: int = 4,
        mlp_ratio: float = 2.0,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
        technologies: int = 5,
        organs: int = 25,
        standardise: bool = False,
    ) -> None:
        super().__init__()
        self.features_norm = Standardise(features) if standardise else None
        self.image = Linear(features, dim)
        self.expression = ExpressionEmbedding(tokens, dim)
        self.technology = nn.Embedding(technologies, dim)
        self.organ = nn.Embedding(organs, dim)
        self.blocks = nn.ModuleList(SpotBlock(dim, heads, mlp_ratio, dropout, attention_dropout) for _ in range(depth))
        self.head = GeneHead(tokens, dim)

    @property
    def width(self) -> int:
        """Width of the image features that the weights expect."""
        return self.image.in_features

    def tables(self) -> tuple[GeneTable, GeneTable]:
        """Return the two tables of a row per gene, of which a step touches some rows only."""
        return self.expression.table, self.head.table

    def tokens(self, batch: SlideBatch) -> torch.Tensor:
        """Return the input tokens (S, dim)."""
        x = by_rows(self._image, batch.features)
        return x + self.expression(batch.expression) + self.technology(batch.technology) + self.organ(batch.organ)

    def _image(self, features: torch.Tensor) -> torch.Tensor:
        plain = features.to(self.image.weight.dtype)
        return self.image(plain if self.features_norm is None else self.features_norm(plain))

    def forward(self, batch: SlideBatch) -> torch.Tensor:
        """Return hidden states (S, dim); `head(hidden, genes)` turns them into log1p expression of the asked genes."""
        slides = PackedSlides(batch.coords, batch.lengths, self.chunk)
        x = self.tokens(batch)
        for block in self.blocks:
            x = block(x, slides)
        return x


PARTS = (STPath,)
