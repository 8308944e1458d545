"""A cell encoder that reads expression values: principal components of the genes, for spots with thousands of them."""

from collections.abc import Iterable

import torch
import torch.nn.functional as F

from past.base.errors import ConfigError, require_number
from past.models.past.vocabulary import PADDING
from past.nn.layers import Part


class ExpressionEncoder(Part):
    """(values - mean) · components over the genes of a cell, with the components of the training cells.

    The components are fitted once and not learned: with a few hundred spots, learned gene embeddings only memorise.
    Each is divided by the square root of its deviation, half way to whitening, and all are scaled to variance 1 on
    average. The order of the tokens is ignored.

    Args:
        vocabulary_size: rows of the gene table: genes + reserved tokens.
        width: number of components.
    """

    alone_as, reads_genes = "cell_encoder", True

    centre: torch.Tensor
    components: torch.Tensor

    def __init__(self, vocabulary_size: int, *, width: int = 20) -> None:
        super().__init__()
        require_number("cell_encoder.width", width, least=1)
        self.width = width
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("components", torch.zeros(vocabulary_size, width))

    def fit(self, cells: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> None:
        """Compute the components from (B, L) tokens and values, a sample of n training cells.

        Raises:
            ConfigError: n is not above `width`: n cells have n - 1 components.
        """
        rows = []
        for tokens, values in cells:
            row = torch.zeros(len(tokens), len(self.components), dtype=torch.float64)
            rows.append(row.scatter_add_(1, tokens, values.double()))
        dense = torch.cat(rows)
        if len(dense) <= self.width:
            raise ConfigError(
                f"cell_encoder.width={self.width}: more components than there are of {len(dense)} training cells; "
                f"use a width below {len(dense)}"
            )
        mean = dense.mean(dim=0)
        centred = dense - mean
        # Eigenvectors of n × n inner products: cheap for any number of genes. Signs fixed, to be the same everywhere.
        squares, vectors = torch.linalg.eigh(centred @ centred.T)
        squares, vectors = squares.flip(0)[: self.width].clamp(min=1e-12), vectors.flip(1)[:, : self.width]
        axes = centred.T @ vectors / squares.sqrt()
        axes = axes * axes.gather(0, axes.abs().argmax(dim=0, keepdim=True)).sign()
        weights = axes / (squares / len(dense)).sqrt().sqrt()
        weights = weights / (centred @ weights).var(dim=0).mean().sqrt()
        self.components.copy_(weights)
        self.centre.copy_(mean @ weights)

    def node_features(self, tokens: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Return (…, width): the components of each cell, from (…, L) tokens and values."""
        bag = F.embedding_bag(
            tokens.flatten(0, -2),
            self.components,
            mode="sum",
            per_sample_weights=values.flatten(0, -2).to(self.components.dtype),
            padding_idx=PADDING,
        )
        return (bag - self.centre).unflatten(0, tokens.shape[:-1])

    def forward(self, tokens: torch.Tensor, values: torch.Tensor, context_tokens: torch.Tensor) -> torch.Tensor:
        """Return (B, width).

        Args:
            tokens: (B, L) gene tokens in any order, padded with PADDING.
            values: (B, L) log1p of scaled counts.
            context_tokens: (B, 3), not read: technology and species are one in such small data.
        """
        return self.node_features(tokens, values)
