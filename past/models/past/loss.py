"""Contrastive losses over the global batch, in memory that is linear in it: no matrix of all pairs is ever there.

Each rank computes its own rows of that matrix, some at a time, and again in backward. All take `cells` and `images`,
this rank's b pairs of unit vectors (b, D), and a callable that brings all ranks' rows with gradients summed over ranks:
together as (B, …), or for SigLIP one rank's after the other's. All return a scalar whose mean over ranks is the loss of
one process with the whole batch, and whose gradients, averaged over ranks as DDP does, are that process's; ranks may
hold different numbers of pairs. With `own_rows` or `own_turn` each rank contrasts its own pairs only, as the published
PAST does.

Below, B pairs cᵢ, vᵢ; Lᵢⱼ = cᵢ·vⱼ / τ; and everything is in float32 or better, also under autocast.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from past.base.distributed import gather_rows, pass_around

PAIRS_AT_ONCE = 256  # rows of the matrix of all pairs that are there at a time
Gather = Callable[[torch.Tensor], torch.Tensor]
Around = Callable[[torch.Tensor], Iterable[torch.Tensor]]
_computed_again = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)


def own_rows(rows: torch.Tensor) -> torch.Tensor:
    """Gather nothing: contrast within this rank."""
    return rows


def own_turn(rows: torch.Tensor) -> Iterable[torch.Tensor]:
    """Pass nothing around: as `own_rows`, for SigLIP."""
    yield rows


class _Pairs(NamedTuple):
    """This rank's rows of both sides, everybody's, and 1 / (mean rows per rank)."""

    cells: torch.Tensor
    images: torch.Tensor
    all_cells: torch.Tensor
    all_images: torch.Tensor
    share: float

    def by_rows(self, term: Callable[..., torch.Tensor], *more: torch.Tensor) -> list[torch.Tensor]:
        """Return `term(cells, images, all_cells, all_images, *more)` for some of this rank's pairs at a time."""
        blocks = zip(self.cells.split(PAIRS_AT_ONCE), self.images.split(PAIRS_AT_ONCE), strict=True)
        return [_computed_again(term, *block, self.all_cells, self.all_images, *more) for block in blocks]  # type: ignore[misc]


def _gather_pairs(cells: torch.Tensor, images: torch.Tensor, gather: Gather) -> _Pairs:
    cells, images = _precise(cells, images)
    all_cells, all_images = gather(torch.cat([cells, images], dim=1)).chunk(2, dim=1)
    ranks = len(gather(cells.new_zeros(1)))
    return _Pairs(cells, images, all_cells, all_images, ranks / len(all_cells))


def _precise(cells: torch.Tensor, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    precision = torch.promote_types(torch.promote_types(cells.dtype, images.dtype), torch.float32)
    return cells.to(precision), images.to(precision)


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
        gather: brings all ranks' rows together, with gradients; `own_rows`: this rank's alone.
    """
    with torch.autocast(cells.device.type, enabled=False):
        pairs = _gather_pairs(cells, images, gather)
        # How alike pairs are is symmetric, so a column of T needs only the other rows' normalisers, not the rows.
        normalisers = gather(torch.cat(pairs.by_rows(_normalisers_of_likeness, temperature)))
        return -0.5 * pairs.share * torch.stack(pairs.by_rows(_crossed, temperature, normalisers)).sum()


def _likeness(
    cells: torch.Tensor, images: torch.Tensor, all_cells: torch.Tensor, all_images: torch.Tensor, tau: torch.Tensor
) -> torch.Tensor:
    return (images @ all_images.T + cells @ all_cells.T) / (2 * tau)


def _normalisers_of_likeness(*pairs_and_temperature: torch.Tensor) -> torch.Tensor:
    return _likeness(*pairs_and_temperature).logsumexp(dim=1)


def _crossed(
    cells: torch.Tensor,
    images: torch.Tensor,
    all_cells: torch.Tensor,
    all_images: torch.Tensor,
    tau: torch.Tensor,
    normalisers: torch.Tensor,
) -> torch.Tensor:
    """Return Σ over these rows and all columns of T times log softmax, both ways."""
    alike = _likeness(cells, images, all_cells, all_images, tau)
    to_images = F.log_softmax(cells @ all_images.T / tau, dim=1)
    to_cells = F.log_softmax(images @ all_cells.T / tau, dim=1)
    return (alike.softmax(dim=1) * to_images).sum() + ((alike - normalisers).exp() * to_cells).sum()


def info_nce(
    cells: torch.Tensor, images: torch.Tensor, temperature: torch.Tensor, *, gather: Gather = gather_rows
) -> torch.Tensor:
    """CLIP's symmetric InfoNCE (Radford et al. 2021): -1/2B Σᵢ (log softmaxⱼ Lᵢⱼ + log softmaxⱼ Lⱼᵢ) at j = i.

    Args:
        cells: (b, D) unit vectors.
        images: (b, D) unit vectors, row i the pair of cells' row i.
        temperature: τ, scalar.
        gather: brings all ranks' rows together, with gradients; `own_rows`: this rank's alone.
    """
    with torch.autocast(cells.device.type, enabled=False):
        pairs = _gather_pairs(cells, images, gather)
        positive = (pairs.cells * pairs.images).sum() / temperature
        return pairs.share * (0.5 * torch.stack(pairs.by_rows(_normalisers, temperature)).sum() - positive)


def _normalisers(
    cells: torch.Tensor, images: torch.Tensor, all_cells: torch.Tensor, all_images: torch.Tensor, tau: torch.Tensor
) -> torch.Tensor:
    """Return Σᵢ (log Σⱼ exp Lᵢⱼ + log Σⱼ exp Lⱼᵢ) over these rows i."""
    return (cells @ all_images.T / tau).logsumexp(dim=1).sum() + (images @ all_cells.T / tau).logsumexp(dim=1).sum()


def siglip(
    cells: torch.Tensor,
    images: torch.Tensor,
    temperature: torch.Tensor,
    bias: torch.Tensor,
    *,
    around: Around = pass_around,
) -> torch.Tensor:
    """SigLIP's pairwise sigmoid loss (Zhai et al. 2023): -1/B Σᵢⱼ log σ(zᵢⱼ (Lᵢⱼ + bias)), z = 1 for pairs, else -1.

    Each term stands alone, so no rank ever holds all pairs: the images travel around the ring of ranks, as published.

    Args:
        cells: (b, D) unit vectors.
        images: (b, D) unit vectors, row i the pair of cells' row i.
        temperature: τ, scalar (SigLIP's t is 1/τ and starts at 10).
        bias: scalar, learned; SigLIP starts at -10.
        around: yields all ranks' images in turn, this rank's first, with gradients; or `own_turn`.
    """
    with torch.autocast(cells.device.type, enabled=False):
        cells, images = _precise(cells, images)
        terms, ranks, pairs = [], 0, 0
        for turn in around(images):
            terms += [_computed_again(_negatives, rows, turn, temperature, bias) for rows in cells.split(PAIRS_AT_ONCE)]
            ranks, pairs = ranks + 1, pairs + len(turn)
        positive = (cells * images).sum() / temperature + len(cells) * bias
        # -log σ(x) = softplus(x) - x, which turns a negative's term into a positive's.
        return ranks / pairs * (torch.stack(terms).sum() - positive)  # type: ignore[arg-type]


def _negatives(cells: torch.Tensor, images: torch.Tensor, tau: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    return F.softplus(cells @ images.T / tau + bias).sum()
