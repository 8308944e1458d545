"""Spots of several slides laid end to end, and the distances between spots of one slide, a chunk at a time.

What keeping distances pays, with all else as it is (two cores of an AVX-512 server CPU, best of 6 in turn): without,
STPath's prediction of 3,798 spots takes 1.03 times as long.
"""

import itertools
from collections.abc import Iterator, Sequence
from functools import cached_property

import torch

TILE = 256  # queries that torch's fused attention gives a core at a time, where it has 768 or more …
QUERIES = 4 * TILE  # … so whole tiles of them, as many for two cores as for four
LOGITS = 5 * 2**24  # at a time, at most (320 MB): fewer queries above 81,920 spots, or above 20,480 in training
KEPT = 64 * 2**20  # bytes of all distances up to which slides count as small (one of 4,096 spots)


class PackedSlides:
    """The spots of one or more slides, end to end.

    Distances are float32 (or the coordinates' own wider type) under any autocast: STPath's bias by distance reaches
    ±75, where bfloat16 would be off by 4 %.

    Args:
        coords: (S, 2) coordinates, each slide scaled to 0…100.
        lengths: spots of each slide; they sum to S.
        chunk: queries at a time; None chooses.
    """

    def __init__(self, coords: torch.Tensor, lengths: Sequence[int], chunk: int | None = None) -> None:
        assert sum(lengths) == len(coords), (sum(lengths), len(coords))
        self.coords = coords if coords.dtype == torch.float64 else coords.float()
        self.lengths = tuple(lengths)
        self.chunk = chunk

    @cached_property
    def slides(self) -> tuple[slice, ...]:
        """Each slide's rows."""
        ends = itertools.accumulate(self.lengths)
        return tuple(slice(end - length, end) for end, length in zip(ends, self.lengths, strict=True))

    @property
    def small(self) -> bool:
        """Whether what is there of each pair of spots may be kept, and need not be made again."""
        return sum(n * n for n in self.lengths) * self.coords.element_size() <= KEPT

    @cached_property
    def _kept(self) -> list[torch.Tensor] | None:
        """All distances (n, n) of each slide, for all layers; None where slides are not small."""
        return [_distances(self.coords[rows], self.coords[rows]) for rows in self.slides] if self.small else None

    def chunks(self, slide: int, heads: int, queries: int = QUERIES) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield (rows, distances (c, n)): some of the n spots of a slide, and how far they are from all n.

        Args:
            slide: its number.
            heads: how many heads' logits the caller holds at a time.
            queries: rows at a time, fewer where their logits would be too many.
        """
        keys = self.slides[slide]
        most = LOGITS // (heads * max(1, self.lengths[slide]))
        chunk = self.chunk or min(queries, most // TILE * TILE or max(64, most))
        for start in range(keys.start, keys.stop, chunk):
            rows = slice(start, min(start + chunk, keys.stop))
            if self._kept is None:
                yield rows, _distances(self.coords[rows], self.coords[keys])
            else:
                yield rows, self._kept[slide][rows.start - keys.start : rows.stop - keys.start]


def _distances(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return (A, B) distances of a (A, 2) to b (B, 2): by differences; |a|² + |b|² − 2ab would lose digits."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
