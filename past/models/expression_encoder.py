"""A cell encoder that reads expression values: a weighted bag of gene embeddings, for spots with thousands of genes."""

import torch
import torch.nn.functional as F
from torch import nn

from past.models.layers import Part
from past.vocabularies import PADDING


class ExpressionEncoder(Part):
    """Σ (value / scale)·embedding[gene] over the measured genes, LayerNorm, and a two-layer perceptron.

    The order of the tokens is ignored. One multiplication a gene, so a spot of 5,000 genes costs a CPU microseconds
    where a transformer would cost seconds.

    Args:
        vocabulary_size: rows of the gene table: genes + reserved tokens.
        width: features of the bag and of the result.
        hidden: hidden width of the perceptron.
        dropout: within the perceptron.
    """

    gene_mean: torch.Tensor
    gene_scale: torch.Tensor

    def __init__(self, vocabulary_size: int, *, width: int = 256, hidden: int = 512, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = width
        self.tokens = nn.Embedding(vocabulary_size, width, padding_idx=PADDING)
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width))
        self.register_buffer("gene_mean", torch.zeros(vocabulary_size))
        self.register_buffer("gene_scale", torch.ones(vocabulary_size))

    def standardise(self, mean: torch.Tensor, scale: torch.Tensor) -> None:
        """Read every gene as (value - mean) / scale from now on; both (vocabulary_size,), `scale` > 0."""
        self.gene_mean.copy_(mean)
        self.gene_mean[PADDING] = 0  # whose embedding is never to learn
        self.gene_scale.copy_(scale)

    def node_features(self, tokens: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return (…, width): the normalised bag of each cell, from (…, L) tokens and values."""
        weights = (values / self.gene_scale[tokens]).flatten(0, -2)
        bag = F.embedding_bag(
            tokens.flatten(0, -2),
            self.tokens.weight,
            mode="sum",
            per_sample_weights=weights.to(self.tokens.weight.dtype),
            padding_idx=PADDING,
        )
        centre = (self.gene_mean / self.gene_scale) @ self.tokens.weight
        return self.norm(bag - centre).unflatten(0, tokens.shape[:-1])

    def forward(self, tokens: torch.Tensor, values: torch.Tensor, context_tokens: torch.Tensor) -> torch.Tensor:
        """Return (B, width).

        Args:
            tokens: (B, L) gene tokens in any order, padded with PADDING.
            values: (B, L) log1p of scaled counts.
            context_tokens: (B, 3) modality, assay, species: their embeddings are added to the bag's.
        """
        return self.mlp(self.node_features(tokens, values) + self.tokens(context_tokens).sum(dim=1))
