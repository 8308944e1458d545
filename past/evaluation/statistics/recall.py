"""How well pairs find each other: the rank of a query's own partner among the candidates of its pool (a section)."""

from collections.abc import Sequence

import torch

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


def recalls(images: torch.Tensor, cells: torch.Tensor, pools: torch.Tensor, ks: Sequence[int]) -> dict[str, float]:
    """Return recall@k both ways, their mean, and chance, keyed `recall@5/image_to_cell`, …, `recall@5/chance`."""
    forward, backward = ranks_within_pools(images, cells, pools), ranks_within_pools(cells, images, pools)
    sizes = pool_sizes(pools)
    scores: dict[str, float] = {}
    for k in ks:
        to_cell, to_image = recall_at(forward, k), recall_at(backward, k)
        scores[f"recall@{k}/image_to_cell"] = to_cell
        scores[f"recall@{k}/cell_to_image"] = to_image
        scores[f"recall@{k}/mean"] = (to_cell + to_image) / 2
        scores[f"recall@{k}/chance"] = chance_at(sizes, k)
    return scores
