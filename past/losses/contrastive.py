"""Contrastive losses over the global batch; each rank computes its own rows only, so memory is b × B, not B × B.

All take `cells` and `images`, this rank's b pairs of unit vectors (b, D), and a callable that gathers (b, …) rows into
all ranks' (B, …) with gradients summed over ranks. All return a scalar whose mean over ranks is the loss of one process
with the whole batch, and whose gradients, averaged over ranks as DDP does, are that process's; ranks may hold different
numbers of pairs. With `gather=own_rows` each rank contrasts its own pairs only, as the published PAST does.

Below, B pairs cᵢ, vᵢ; Lᵢⱼ = cᵢ·vⱼ / τ; and everything is in float32 or better, also under autocast.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F

from past.distributed import gather_rows

Gather = Callable[[torch.Tensor], torch.Tensor]


def own_rows(rows: torch.Tensor) -> torch.Tensor:
    """Gather nothing: contrast within this rank."""
    return rows


class _Pairs(NamedTuple):
    """This rank's rows of both sides, everybody's, and 1 / (mean rows per rank)."""

    cells: torch.Tensor
    images: torch.Tensor
    all_cells: torch.Tensor
    all_images: torch.Tensor
    share: float


def _gather_pairs(cells: torch.Tensor, images: torch.Tensor, gather: Gather) -> _Pairs:
    precision = torch.promote_types(torch.promote_types(cells.dtype, images.dtype), torch.float32)
    cells, images = cells.to(precision), images.to(precision)
    all_cells, all_images = gather(torch.cat([cells, images], dim=1)).chunk(2, dim=1)
    ranks = len(gather(cells.new_zeros(1)))
    return _Pairs(cells, images, all_cells, all_images, ranks / len(all_cells))


def soft_target(
    cells: torch.Tensor, images: torch.Tensor, temperature: torch.Tensor, *, gather: Gather = gather_rows
) -> torch.Tensor:
    """PAST's loss (arXiv 2507.06418): cross-entropy against how alike the pairs are, within each modality.

    Tᵢⱼ = softmaxⱼ((vᵢ·vⱼ + cᵢ·cⱼ) / 2τ), through which gradients flow;
    loss = 1/2B Σᵢⱼ Tᵢⱼ (-log softmaxⱼ Lᵢⱼ - log softmaxᵢ Lᵢⱼ).

    Args:
        cells: (b, D) unit vectors.
        images: (b, D) unit vectors, row i the pair of cells' row i.
        temperature: τ, scalar.
        gather: see the module.
    """
    with torch.autocast(cells.device.type, enabled=False):
        pairs = _gather_pairs(cells, images, gather)
        alike = (pairs.images @ pairs.all_images.T + pairs.cells @ pairs.all_cells.T) / (2 * temperature)
        # `alike` is symmetric, so this rank's columns of T need only the other rows' normalisers, not the rows.
        columns = (alike - gather(alike.logsumexp(dim=1))).exp()
        to_images = F.log_softmax(pairs.cells @ pairs.all_images.T / temperature, dim=1)
        to_cells = F.log_softmax(pairs.images @ pairs.all_cells.T / temperature, dim=1)
        crossed = (alike.softmax(dim=1) * to_images).sum() + (columns * to_cells).sum()
        return -0.5 * pairs.share * crossed


def info_nce(
    cells: torch.Tensor, images: torch.Tensor, temperature: torch.Tensor, *, gather: Gather = gather_rows
) -> torch.Tensor:
    """CLIP's symmetric InfoNCE (Radford et al. 2021): -1/2B Σᵢ (log softmaxⱼ Lᵢⱼ + log softmaxⱼ Lⱼᵢ) at j = i.

    Args:
        cells: (b, D) unit vectors.
        images: (b, D) unit vectors, row i the pair of cells' row i.
        temperature: τ, scalar.
        gather: see the module.
    """
    with torch.autocast(cells.device.type, enabled=False):
        pairs = _gather_pairs(cells, images, gather)
        positive = (pairs.cells * pairs.images).sum(dim=1) / temperature
        to_images = (pairs.cells @ pairs.all_images.T / temperature).logsumexp(dim=1) - positive
        to_cells = (pairs.images @ pairs.all_cells.T / temperature).logsumexp(dim=1) - positive
        return 0.5 * pairs.share * (to_images.sum() + to_cells.sum())


def siglip(
    cells: torch.Tensor,
    images: torch.Tensor,
    temperature: torch.Tensor,
    bias: torch.Tensor,
    *,
    gather: Gather = gather_rows,
) -> torch.Tensor:
    """SigLIP's pairwise sigmoid loss (Zhai et al. 2023): -1/B Σᵢⱼ log σ(zᵢⱼ (Lᵢⱼ + bias)), z = 1 for pairs, else -1.

    Args:
        cells: (b, D) unit vectors.
        images: (b, D) unit vectors, row i the pair of cells' row i.
        temperature: τ, scalar (SigLIP's t is 1/τ and starts at 10).
        bias: scalar, learned; SigLIP starts at -10.
        gather: see the module.
    """
    with torch.autocast(cells.device.type, enabled=False):
        pairs = _gather_pairs(cells, images, gather)
        logits = pairs.cells @ pairs.all_images.T / temperature + bias
        positive = (pairs.cells * pairs.images).sum(dim=1) / temperature + bias
        # -log σ(x) = softplus(x) - x, which turns a negative's term into a positive's.
        return pairs.share * (F.softplus(logits).sum() - positive.sum())
