"""Exact search of the most similar rows by dot product, in blocks of bounded memory."""

from typing import Final

import numpy as np
import torch

QUERIES, KEYS = 1_024, 32_768  # of a block: 128 MiB of similarities
GROUP: Final = 64  # keys that are first judged by their highest similarity alone


@torch.inference_mode()
def nearest_keys(queries: torch.Tensor, keys: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return, for each query, the similarities and positions of its k most similar keys, most similar first.

    A group of keys whose highest similarity is below what the query has k of already is passed over whole.

    Args:
        queries: (q, d).
        keys: (n, d), on the same device; float16 is taken as float32 block by block.
        k: wanted, at most n.

    Returns:
        (q, k) float32 and (q, k) int64.
    """
    k = min(k, len(keys))
    values, rows = [], []
    for start in range(0, len(queries), QUERIES):
        best, place = _of_block(queries[start : start + QUERIES].float(), keys, k)
        values.append(best)
        rows.append(place)
    return torch.cat(values), torch.cat(rows)


def _of_block(queries: torch.Tensor, keys: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    best = queries.new_full((len(queries), k), -torch.inf)
    place = torch.zeros_like(best, dtype=torch.int64)
    similar = queries.new_empty(len(queries), min(KEYS, len(keys)))
    for first in range(0, len(keys), KEYS):
        block = keys[first : first + KEYS].float()
        values, rows = _larger(_products(queries, block, similar), best[:, -1:], k)
        values, order = torch.cat([best, values], dim=1).topk(k, dim=1)
        place = torch.cat([place, rows + first], dim=1).gather(1, order)
        best = values
    return best, place


def _products(queries: torch.Tensor, block: torch.Tensor, similar: torch.Tensor) -> torch.Tensor:
    """Return queries · blockᵀ, in `similar` where it fits; on a CPU by NumPy, whose BLAS is 1.3 times torch's here."""
    if len(block) != similar.shape[1]:
        return queries @ block.T
    if queries.device.type != "cpu":
        return torch.mm(queries, block.T, out=similar)
    np.matmul(queries.numpy(), block.numpy().T, out=similar.numpy())
    return similar


def _larger(similar: torch.Tensor, least: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return all of each row of (q, n) that are above `least` (q, 1) and among its k largest, with their columns.

    Maybe others too. The k largest lie in the k groups of highest maxima, and those above `least` in groups above it.
    """
    q, n = similar.shape
    if n % GROUP or n < k * GROUP:
        return similar.topk(min(k, n), dim=1)
    highest = similar.view(q, n // GROUP, GROUP).amax(dim=2)
    wanted = min(k, int((highest > least).sum(dim=1).amax()))
    groups = highest.topk(wanted, dim=1, sorted=False).indices
    columns = (groups[..., None] * GROUP + torch.arange(GROUP, device=similar.device)).flatten(1)
    values, order = similar.gather(1, columns).topk(min(k, columns.shape[1]), dim=1, sorted=False)
    return values, columns.gather(1, order)
