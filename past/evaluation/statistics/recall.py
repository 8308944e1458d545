"""How well pairs find each other: the rank of a query's own partner among the candidates of its pool (a section)."""

from collections.abc import Sequence

import torch
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

CHUNK = 4096  # queries scored at once: bounds memory to CHUNK x pool


def partner_ranks(queries: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
    """Return, for each query i, how many candidates are more similar to it than candidate i.

    Ties count as half, so that constant embeddings rank in the middle and not first.

    Args:
        queries: (n, d), compared by dot product.
        candidates: (n, d), row i is the partner of query i.

    Returns:
        (n,) float ranks, 0 = the partner is the nearest.
    """
    ranks = []
    for start in range(0, len(queries), CHUNK):
        similarity = queries[start : start + CHUNK] @ candidates.T
        own = similarity.diagonal(start).unsqueeze(1)
        above = (similarity > own).sum(1)
        ties = (similarity == own).sum(1) - 1
        ranks.append(above + 0.5 * ties)
    return torch.cat(ranks) if ranks else queries.new_zeros(0)


def ranks_within_pools(queries: torch.Tensor, candidates: torch.Tensor, pools: torch.Tensor) -> torch.Tensor:
    """`partner_ranks` with each query's candidates limited to its own pool; `pools` is (n,) integers."""
    ranks = queries.new_zeros(len(queries))
    for pool in pools.unique():
        members = pools == pool
        ranks[members] = partner_ranks(queries[members], candidates[members])
    return ranks


def pool_sizes(pools: torch.Tensor) -> torch.Tensor:
    """Return, for each query, how many candidates its pool holds; (n,) integers."""
    _, which, counts = pools.unique(return_inverse=True, return_counts=True)
    return counts[which]


def recall_at(ranks: torch.Tensor, k: int) -> float:
    """Share of queries whose partner is among the k nearest."""
    return float((ranks < k).double().mean())


def chance_at(sizes: torch.Tensor, k: int) -> float:
    """Recall@k of a random order: the mean over queries of min(k, n) / n candidates."""
    return float((sizes.clamp(max=k) / sizes).double().mean())


def recalls(to_cell: torch.Tensor, to_image: torch.Tensor, sizes: torch.Tensor, ks: Sequence[int]) -> dict[str, float]:
    """Return `recall@5/image_to_cell`, `…/cell_to_image`, `…/mean`, `…/chance`, … and `median_rank/…`, from 1.

    Args:
        to_cell: (n,) ranks of the crops' own transcriptomes.
        to_image: (n,) ranks of the transcriptomes' own crops.
        sizes: (n,) candidates of each.
        ks: the k of recall@k.
    """
    scores = {}
    for k in ks:
        forward, backward = recall_at(to_cell, k), recall_at(to_image, k)
        scores[f"recall@{k}/image_to_cell"] = forward
        scores[f"recall@{k}/cell_to_image"] = backward
        scores[f"recall@{k}/mean"] = (forward + backward) / 2
        scores[f"recall@{k}/chance"] = chance_at(sizes, k)
    # ranks count from 0; people count from 1
    scores["median_rank/image_to_cell"] = float(to_cell.median()) + 1
    scores["median_rank/cell_to_image"] = float(to_image.median()) + 1
    return scores


class PairRecall(Metric):
    """Recall@k within pools over the pairs of all ranks, both ways, beside chance, and the median ranks.

    Every rank updates at least once; a rank without a pair gives rows of none, (0, d).

    Args:
        ks: the k of recall@k.
    """

    higher_is_better = True
    full_state_update = False
    images: list[torch.Tensor]
    cells: list[torch.Tensor]
    pools: list[torch.Tensor]

    def __init__(self, ks: Sequence[int]) -> None:
        super().__init__()
        self.ks = tuple(ks)
        for name in ("images", "cells", "pools"):
            self.add_state(name, [], dist_reduce_fx="cat")

    def update(self, images: torch.Tensor, cells: torch.Tensor, pools: torch.Tensor) -> None:
        """Take (n, d) images and cells, partners in the same row, and the (n,) integer pools they lie in."""
        for kept, rows in ((self.images, images), (self.cells, cells), (self.pools, pools)):
            kept.append(rows.detach())

    def compute(self) -> dict[str, float]:
        """Return the scores of `recalls`."""
        images, cells, pools = (dim_zero_cat(rows).cpu() for rows in (self.images, self.cells, self.pools))
        to_cell, to_image = ranks_within_pools(images, cells, pools), ranks_within_pools(cells, images, pools)
        return recalls(to_cell, to_image, pool_sizes(pools), self.ks)
