"""A vector per gene, of which a call touches only the genes that occur: sparse expression in, asked genes out."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from past.models.stpath.batch import SparseExpression

SPOTS_AT_ONCE = 256  # made dense over the genes that occur in the call


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

    `sparse_gradient` makes the weight's gradient a sparse tensor of the rows touched, for `past.nn.kernels.row_adam`.
    """

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(tokens, dim))
        self.sparse_gradient = False
        nn.init.uniform_(self.weight, -(dim**-0.5), dim**-0.5)

    def forward(self, genes: torch.Tensor) -> torch.Tensor:
        """Return (G, dim) rows of the tokens (G,), each asked once."""
        return _SparseRows.apply(self.weight, genes) if self.sparse_gradient else F.embedding(genes, self.weight)  # type: ignore[return-value]


class ExpressionEmbedding(nn.Module):
    """Σ_gene value · row[gene] per spot: the same number as a bias-free linear map of the dense expression vector.

    Nothing of size spots × tokens is made: a spot of one entry (a masked one) is a lookup, the others pass, some at a
    time, through a matrix over the genes that occur in the call. It is computed in the table's type under any autocast.
    """

    def __init__(self, tokens: int, dim: int) -> None:
        super().__init__()
        self.table = GeneTable(tokens, dim)

    def forward(self, expression: SparseExpression) -> torch.Tensor:
        """Return (S, dim)."""
        occurs = torch.zeros(len(self.table.weight), dtype=torch.bool, device=expression.genes.device)
        occurs[expression.genes] = True  # cheaper than sorting them, as torch.unique does
        columns = (occurs.cumsum(0) - 1)[expression.genes]
        rows = self.table(occurs.nonzero()[:, 0])
        told = SparseExpression(columns, expression.values.to(rows.dtype), expression.offsets)
        with torch.autocast(rows.device.type, enabled=False):
            return _weighted_sums(rows, told)


def _weighted_sums(rows: torch.Tensor, told: SparseExpression) -> torch.Tensor:
    """Return (S, dim), Σ value · row of each spot."""
    entries = told.offsets.diff()
    single = (entries == 1).nonzero()[:, 0]
    genes, values = (x[told.offsets[single]] for x in (told.genes, told.values))
    # most of them look up the same gene, the mask; an embedding adds its gradients up in a fixed order, on a GPU too
    sums = rows.new_zeros(len(told), rows.shape[1]).index_copy(0, single, F.embedding(genes, rows) * values[:, None])
    for spots in (entries > 1).nonzero()[:, 0].split(SPOTS_AT_ONCE):
        sums = sums.index_copy(0, spots, _dense(told, spots, len(rows)) @ rows)
    return sums


def _dense(told: SparseExpression, spots: torch.Tensor, genes: int) -> torch.Tensor:
    """Return (len(spots), genes): the spots' values over the genes that occur in the call."""
    first, entries = told.offsets[spots], told.offsets[spots + 1] - told.offsets[spots]
    row = torch.repeat_interleave(torch.arange(len(spots), device=spots.device), entries)
    at = torch.arange(len(row), device=spots.device) + (first + entries - entries.cumsum(0))[row]
    return told.values.new_zeros(len(spots), genes).index_put_((row, told.genes[at]), told.values[at])


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
