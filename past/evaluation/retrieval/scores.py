"""Retrieval in numbers: recall within a section with its interval, and one matcher beside another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from past.base.errors import DataError
from past.evaluation.statistics.jackknife import plain
from past.evaluation.statistics.means import difference_over, mean_over
from past.evaluation.statistics.recall import pool_sizes, ranks_within_pools, recalls
from past.evaluation.statistics.units import Places
from past.evaluation.task import Row

KS = (1, 5, 10)


@dataclass(frozen=True)
class Matcher:
    """Two aligned sets of vectors, row i of one belonging to row i of the other; compared by dot product."""

    name: str
    images: torch.Tensor
    cells: torch.Tensor


@dataclass(frozen=True)
class Ranked:
    """A matcher's (n,) ranks of each cell's own partner among the candidates of its section, 0 = the nearest."""

    name: str
    to_cell: torch.Tensor
    to_image: torch.Tensor
    sizes: torch.Tensor

    @staticmethod
    def of(matcher: Matcher, pools: np.ndarray) -> "Ranked":
        """Rank n pairs within their pools, (n,) names."""
        numbers = torch.from_numpy(np.unique(pools, return_inverse=True)[1])
        ways = ((matcher.images, matcher.cells), (matcher.cells, matcher.images))
        to_cell, to_image = (ranks_within_pools(*way, numbers) for way in ways)
        return Ranked(matcher.name, to_cell, to_image, pool_sizes(numbers))

    def hits(self, ks: Sequence[int]) -> np.ndarray:
        """Return (n, len(ks)): in how many of the two directions the partner is among the k nearest, as a share."""
        return np.stack([((self.to_cell < k).double() + (self.to_image < k).double()).numpy() / 2 for k in ks], axis=1)


def type_ceiling(pools: np.ndarray, types: np.ndarray, k: int) -> float | None:
    """Return recall@k of a reader who knows every cell's type and nothing else; None where a type is unknown.

    Such a reader names k random cells of the query's type in the pool: the mean over queries of min(k, n) / n.
    """
    if (types == "").any():
        return None
    same = np.array([f"{pool}\n{kind}" for pool, kind in zip(pools, types, strict=True)])
    _, which, counts = np.unique(same, return_inverse=True, return_counts=True)
    return float(np.mean((np.minimum(k, counts) / counts)[which]))


def scopes(places: Places) -> list[tuple[str, str, np.ndarray]]:
    """Return (scope, name, (n,) bool) for every section, every patient, and all cells; whole sections.

    Raises:
        DataError: no cells.
    """
    if not len(places.sections):
        raise DataError("retrieval over no cells: choose validation sections that exist (data.val=…)")
    found = [("section", str(name), places.sections == name) for name in dict.fromkeys(places.sections)]
    found += [("patient", str(name), places.patients == name) for name in dict.fromkeys(places.patients)]
    return [*found, ("all", "all", np.ones(len(places.sections), dtype=bool))]


def score_table(
    matchers: Sequence[Matcher], places: Places, types: np.ndarray, ks: Sequence[int] = KS
) -> tuple[list[Row], list[Row]]:
    """Return one row per matcher for every scope, and one per k for the first beside every other; see `scopes`.

    Args:
        matchers: n pairs each; candidates are the section's.
        places: of the n cells.
        types: (n,) the cells' types, "" where one is unknown.
        ks: the k of recall@k.
    """
    table: list[Row] = []
    paired: list[Row] = []
    parts = scopes(places)
    ranked = [Ranked.of(matcher, places.sections) for matcher in matchers]
    for scope, name, rows in parts:
        own = places.at(rows)
        ceilings = {f"recall@{k}/ceiling": type_ceiling(own.sections, types[rows], k) for k in ks}
        which = {"scope": scope, "name": name}
        for one in ranked:
            found = recalls(one.to_cell[rows], one.to_image[rows], one.sizes[rows], ks)
            mean, units = mean_over(one.hits(ks)[rows], own)
            ends = dict(zip(("low", "high"), np.clip(mean.interval(), 0, 1), strict=True))
            intervals = {f"recall@{k}/{end}": plain(of[i]) for end, of in ends.items() for i, k in enumerate(ks)}
            row = {**which, "patient": ", ".join(sorted(set(own.patients))), "matcher": one.name}
            table.append({**row, "cells": int(rows.sum()), **found, **intervals, **ceilings, **units.facts})
        paired += [{**which, **row} for other in ranked[1:] for row in _beside(ranked[0], other, rows, own, ks)]
    return table, paired


def _beside(one: Ranked, other: Ranked, rows: np.ndarray, places: Places, ks: Sequence[int]) -> list[Row]:
    """Return a row per k: the difference in recall, both directions' mean, over the cells `rows` at `places`."""
    found, units = difference_over(one.hits(ks)[rows], other.hits(ks)[rows], places)
    numbers = {"difference": found.value, **dict(zip(("low", "high"), found.interval(), strict=True)), "p": found.p()}
    pair = {"matcher": one.name, "other": other.name}
    return [
        {**pair, "k": k, **{key: plain(of[i]) for key, of in numbers.items()}, **units.facts} for i, k in enumerate(ks)
    ]
