"""PAST's cell encoder: a transformer over a cell's sentence of gene tokens (Nicheformer's architecture)."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import nn

from past.base.errors import ConfigError, require_number
from past.models.past.vocabulary import PADDING
from past.nn.dropout import dropout_by_row, mix, row_seeds
from past.nn.layers import PackedSentences, Part, PostNormLayer, masked_mean

CONTEXT_TOKENS = 3


class CellEncoder(Part):
    """Token and position embedding, post-norm layers, no final norm, mean over the genes' positions.

    A sentence is the three context tokens and the genes, cut to `context`. The published model is
    `CellEncoder(20345, context=300, pool="mean_with_padding")`.

    Args:
        vocabulary_size: rows of the token table: genes + reserved tokens.
        context: longest sentence, context tokens included.
        width: features a position.
        layers: number of transformer layers.
        heads: attention heads; divides `width`.
        feedforward: hidden width of each layer's feed-forward part.
        pool: "mean" over real genes; "mean_with_padding" over all positions up to `context`, as published.
        dropout: within the layers.

    Raises:
        ConfigError: `pool` is neither, or `heads` does not divide `width`.
    """

    alone_as, reads_genes = "cell_encoder", True

    def __init__(
        self,
        vocabulary_size: int,
        *,
        context: int = 300,
        width: int = 512,
        layers: int = 12,
        heads: int = 16,
        feedforward: int = 1024,
        pool: Literal["mean", "mean_with_padding"] = "mean",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if pool not in ("mean", "mean_with_padding"):
            raise ConfigError(f"cell_encoder.pool={pool!r} is not known: use 'mean' or 'mean_with_padding'")
        sizes = {"context": context, "width": width, "layers": layers, "heads": heads, "feedforward": feedforward}
        for key, value in sizes.items():
            require_number(f"cell_encoder.{key}", value, least=1)
        if width % heads:
            raise ConfigError(f"cell_encoder.heads={heads} does not divide width={width}: choose a divisor")
        self.context = context
        self.width = width
        self.pool = pool
        self.tokens = nn.Embedding(vocabulary_size, width, padding_idx=PADDING)
        self.positions = nn.Embedding(context, width)
        self.layers = nn.ModuleList(PostNormLayer(width, heads, feedforward, dropout) for _ in range(layers))

    def forward(self, tokens: torch.Tensor, values: torch.Tensor, context_tokens: torch.Tensor) -> torch.Tensor:
        """Return (B, width).

        Args:
            tokens: (B, L) gene tokens, most over-expressed first, padded with PADDING.
            values: (B, L), not read: the order of the tokens carries the expression.
            context_tokens: (B, 3).
        """
        sentence = torch.cat([context_tokens, tokens], dim=1)[:, : self.context]
        if self.pool == "mean_with_padding":
            sentence = F.pad(sentence, (0, self.context - sentence.shape[1]), value=PADDING)
            computed = torch.ones_like(sentence, dtype=torch.bool)
        else:
            sentence = sentence[:, : int((sentence != PADDING).sum(dim=1).max())]
            computed = sentence != PADDING
        sentences = PackedSentences(computed, sentence != PADDING)
        x = self.tokens(sentences.pack(sentence)) + self.positions(sentences.positions)
        with dropout_by_row(_seeds_of_words(sentences)):
            for layer in self.layers:
                x = layer(x, sentences)
        return masked_mean(sentences.unpack(x)[:, CONTEXT_TOKENS:], computed[:, CONTEXT_TOKENS:])

    def node_features(self, tokens: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return (B, K, width): the mean token embedding of each of K cells, from (B, K, L) tokens."""
        words = tokens.flatten(0, -2)
        mean = F.embedding_bag(words, self.tokens.weight, mode="mean", padding_idx=PADDING)  # no (B, K, L, width)
        return mean.unflatten(0, tokens.shape[:-1])


def _seeds_of_words(sentences: PackedSentences) -> torch.Tensor | None:
    """Return a seed for each word, (N,), from its sentence's seed and its place."""
    seeds = row_seeds()
    return None if seeds is None else mix(seeds[sentences.rows] + sentences.positions)
