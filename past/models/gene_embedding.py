"""A vector per gene, of which a call touches only the genes that occur: sparse expression in, asked genes out."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from past.types import SparseExpression

ROWS = 256  # spots at a time that are made dense over the genes that occur in the call


class _SparseRows(torch.autograd.Function):
    """Rows of a table whose gradient holds these rows only, and is marked as in order where they are."""

    @staticmethod
    def forward(ctx: Any, weight: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(rows)
        ctx.shape = weight.shape
        return weight.index_select(0, rows)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None]:
        (rows,) = ctx.saved_tensors
        in_order = bool((rows.diff() > 0).all())
        return torch.sparse_coo_tensor(
            rows[None], grads[0], ctx.shape, is_coalesced=in_order, check_invariants=False
        ), None


class GeneTable(nn.Module):
    """One row of `dim` numbers per gene token; forward returns the rows of the given tokens.

    `sparse_gradient` makes the weight's gradient a sparse tensor of the rows touched, for `past.training.row_adam`.
    """

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(tokens, dim))
        self.sparse_gradient = False
        nn.init.uniform_(self.weight, -(dim**-0.5), dim**-0.5)

    def forward(self, genes: torch.Tensor) -> torch.Tensor:
        """Return (G, dim) rows of the tokens (G,), each asked once."""
        return _SparseRows.apply(self.weight, genes) if self.sparse_gradient else F.embedding(genes, self.weight)  # type: ignore


class ExpressionEmbedding(nn.Module):
    """Σ_gene value · row[gene] per spot: the same number as a bias-free linear map of the dense expression vector.

    Nothing of size spots × tokens is made: a spot of one entry (a masked one) is a lookup, the others pass, some at a
    time, through a matrix over the genes that occur in the call.
    """

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.table = GeneTable(tokens, dim)

    def forward(self, expression: SparseExpression) -> torch.Tensor:
        """Return (S, dim)."""
        occurs = torch.zeros(len(self.table.weight), dtype=torch.bool, device=expression.genes.device)
        occurs[expression.genes] = True  # cheaper than sorting them, as torch.unique does
        genes, columns = occurs.nonzero()[:, 0], (occurs.cumsum(0) - 1)[expression.genes]
        rows = self.table(genes)
        entries = expression.offsets.diff()
        out = rows.new_zeros(len(expression), rows.shape[1])
        single = (entries == 1).nonzero()[:, 0]
        at = expression.offsets[single]
        out = out.index_copy(0, single, rows[columns[at]] * expression.values[at, None])
        for spots in (entries > 1).nonzero()[:, 0].split(ROWS):
            dense = self._dense(expression, columns, spots, len(genes))
            out = out.index_copy(0, spots, dense @ rows)
        return out

    @staticmethod
    def _dense(expression: SparseExpression, columns: torch.Tensor, spots: torch.Tensor, genes: int) -> torch.Tensor:
        """Return (len(spots), genes): the spots' values over the genes that occur in the call."""
        first, entries = expression.offsets[spots], expression.offsets[spots + 1] - expression.offsets[spots]
        row = torch.repeat_interleave(torch.arange(len(spots), device=spots.device), entries)
        within = torch.arange(len(row), device=spots.device) - (entries.cumsum(0) - entries)[row]
        at = first[row] + within
        dense = expression.values.new_zeros(len(spots), genes)
        return dense.index_put((row, columns[at]), expression.values[at])


class GeneHead(nn.Module):
    """LayerNorm, then a linear map to one number per gene, evaluated for the asked genes only."""

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.table = GeneTable(tokens, dim)
        self.bias = nn.Parameter(torch.zeros(tokens))

    def rows(self, genes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the map's weight (G, dim) and bias (G,) of the tokens (G,)."""
        return self.table(genes), self.bias[genes]

    def forward(self, hidden: torch.Tensor, genes: torch.Tensor) -> torch.Tensor:
        """Return (S, G) log1p expression from hidden states (S, dim)."""
        return F.linear(self.norm(hidden), *self.rows(genes))
