"""`task=retrieval`: does a crop find its own transcriptome in its section, and a transcriptome its crop?

Every table stands beside chance, beside a linear map from colour to expression, and, where cell types are known,
beside the ceiling that knowing the type alone would give.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from past.errors import DataError
from past.evaluation.embed import Embeddings
from past.ranking import chance_at, pool_sizes, ranks_within_pools, recall_at

KS = (1, 5, 10)


@dataclass(frozen=True)
class Matcher:
    """Two aligned sets of vectors, row i of one belonging to row i of the other; compared by dot product."""

    name: str
    images: torch.Tensor
    cells: torch.Tensor


def score_pools(matcher: Matcher, pools: np.ndarray, rows: np.ndarray, ks: Sequence[int] = KS) -> dict[str, float]:
    """Return one matcher's recalls and median ranks over the cells `rows`, each ranked within its pool.

    Args:
        matcher: n pairs.
        pools: (n,) names; a query's candidates are those of its own pool.
        rows: (n,) bool, the cells that are scored; whole pools.
        ks: the k of recall@k.
    """
    _, numbers = np.unique(pools[rows], return_inverse=True)
    pool = torch.from_numpy(numbers)
    keep = torch.from_numpy(rows)
    images, cells = matcher.images[keep], matcher.cells[keep]
    to_cell, to_image = ranks_within_pools(images, cells, pool), ranks_within_pools(cells, images, pool)
    scores: dict[str, float] = {"cells": float(rows.sum())}
    for k in ks:
        forward, backward = recall_at(to_cell, k), recall_at(to_image, k)
        scores |= {
            f"recall@{k}/image_to_cell": forward,
            f"recall@{k}/cell_to_image": backward,
            f"recall@{k}/mean": (forward + backward) / 2,
            f"recall@{k}/chance": chance_at(pool_sizes(pool), k),
        }
    # ranks count from 0; people count from 1
    scores["median_rank/image_to_cell"] = float(to_cell.median()) + 1
    scores["median_rank/cell_to_image"] = float(to_image.median()) + 1
    return scores


def type_ceiling(pools: np.ndarray, types: np.ndarray, rows: np.ndarray, k: int) -> float | None:
    """Return recall@k of a reader who knows every cell's type and nothing else; None where a type is unknown.

    Such a reader names k random cells of the query's type in the pool: the mean over queries of min(k, n) / n.
    """
    if (types[rows] == "").any():
        return None
    same = np.array([f"{pool}\n{kind}" for pool, kind in zip(pools[rows], types[rows], strict=True)])
    _, which, counts = np.unique(same, return_inverse=True, return_counts=True)
    return float(np.mean((np.minimum(k, counts) / counts)[which]))


def score_table(
    matchers: Sequence[Matcher], found: Embeddings, ks: Sequence[int] = KS
) -> list[dict[str, float | str | None]]:
    """Return one row per matcher for every section, every patient, and all cells; candidates are the section's.

    Raises:
        DataError: no cells.
    """
    if not found.keys:
        raise DataError("retrieval over no cells: choose validation sections that exist (data.val_sections=…)")
    sections, patients, types = (found.column(name) for name in ("section", "patient", "cell_type"))
    scopes = [("section", name, sections == name) for name in dict.fromkeys(sections)]
    scopes += [("patient", name, patients == name) for name in dict.fromkeys(patients)]
    scopes += [("all", "all", np.ones(len(sections), dtype=bool))]
    table: list[dict[str, float | str | None]] = []
    for scope, name, rows in scopes:
        ceilings = {f"recall@{k}/ceiling": type_ceiling(sections, types, rows, k) for k in ks}
        owners = sorted(set(patients[rows]))
        table += [
            {
                "scope": scope,
                "name": str(name),
                "patient": ", ".join(owners),
                "matcher": matcher.name,
                **score_pools(matcher, sections, rows, ks),
                **ceilings,
            }
            for matcher in matchers
        ]
    return table


def nearest_transcriptomes(found: Embeddings, query: int, k: int = 5) -> np.ndarray:
    """Return the rows of the k transcriptomes nearest to the crop of row `query`, within its section."""
    sections = found.column("section")
    pool = np.flatnonzero(sections == sections[query])
    similarity = found.cells[torch.from_numpy(pool)] @ found.images[query]
    return pool[similarity.topk(min(k, len(pool))).indices.numpy()]
