"""STPath: image features of a slide's spots → expression of all genes, by masked-expression modelling.

Source: Huang et al., npj Digital Medicine 2025 (bioRxiv 2025.04.19.649665); published sizes are the defaults.
"""

from collections.abc import Callable

import torch
from torch import nn

from past.models.stpath.attention import PackedSlides, distance_attention
from past.models.stpath.batch import SlideBatch
from past.models.stpath.gene_embedding import ExpressionEmbedding, GeneHead, GeneTable
from past.nn.dropout import Dropout
from past.nn.kernels.linear import WHOLE, Linear
from past.nn.layers import Part
from past.nn.standardise import Standardise

ROWS = 4 * WHOLE  # spots at a time through layers that see one spot alone, where no gradient is wanted


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
        return self.dropout(_by_rows(self.out, self._mix(x, slides)))

    def _mix(self, x: torch.Tensor, slides: PackedSlides) -> torch.Tensor:
        qkv = _by_rows(self._qkv, x, dim=2)
        dropout = self.attention_dropout if self.training else 0.0
        return distance_attention(qkv, self.edge.weight[:, 2], slides, dropout).transpose(0, 1).flatten(1)

    def _qkv(self, x: torch.Tensor) -> torch.Tensor:
        return self.qkv(self.norm(x)).view(len(x), 3, self.heads, -1).permute(1, 2, 0, 3)


class Block(nn.Module):
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
        return _by_rows(lambda rows: rows + self.mlp(rows), x)


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
        self.blocks = nn.ModuleList(Block(dim, heads, mlp_ratio, dropout, attention_dropout) for _ in range(depth))
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
        x = _by_rows(self._image, batch.features)
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


def _by_rows(layer: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, dim: int = 0) -> torch.Tensor:
    """Return layer(x), spots along `dim`, for a layer that treats each spot alone.

    Where no gradient is wanted, some rows go at a time, and what comes out is contiguous.
    """
    if torch.is_grad_enabled():
        return layer(x)
    out = x.new_empty(0)
    for start in range(0, max(1, len(x)), ROWS):
        rows = layer(x[start : start + ROWS])
        if start == 0:
            out = rows.new_empty(*rows.shape[:dim], len(x), *rows.shape[dim + 1 :])
        out.narrow(dim, start, rows.shape[dim]).copy_(rows)
    return out


PARTS = (STPath,)
