"""Which sample a rank reads when: arithmetic over the index, no bytes touched.

The rule:
1. Who reads what. An epoch's shards are permuted and their N samples laid end to end. Rank r of `world` owns those from
   ⌊r·N/world⌋ to ⌊(r+1)·N/world⌋: a shard may be shared by ranks, and any number of shards serves any number of ranks.
2. How many batches. Every rank makes B = ⌈⌈N/world⌉/batch_size⌉. No sample is dropped: a rank with n samples puts those
   from ⌊t·n/B⌋ to ⌊(t+1)·n/B⌋ into its batch t. So sizes differ by one at most, no batch is empty, and none is over
   batch_size (except with batch_size 1, where a rank may make one batch of two).
3. In which order. A rank's part of a shard is a piece. It reads its pieces in groups of equal size, at most
   `open_shards` side by side, each from front to back. A group's m samples are sorted by (k + u)·m/n + v, for the k-th
   sample of a piece of n; u is uniform in [0, 1), v in [0, buffer − 2·open_shards). The first term mixes the pieces
   evenly, the second moves a sample by less than the buffer: no more than `buffer` samples are ever read and waiting.
4. Workers and resuming. A rank's workers make its batches in turn, which changes nothing above; so the place in an
   epoch is one number, the batches that are done. If world or batch size change within an epoch, what all old ranks had
   left is laid end to end and shared out by the same rule.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from past.base.errors import DataError


@dataclass(frozen=True)
class Reading:
    """How an epoch is read; its fields stand in checkpoints, under these names.

    Attributes:
        world: number of ranks.
        batch_size: samples of a batch on one rank, at most.
        open_shards: pieces of shards that a rank reads at the same time.
        buffer: samples that a rank (all its workers together) holds undecoded, at most.
        shuffle: False reads the shards in the index's order, one after the other: the two above are not used.
    """

    world: int = 1
    batch_size: int = 64
    open_shards: int = 16
    buffer: int = 10_000
    shuffle: bool = True

    def __post_init__(self) -> None:
        for name, least in (("world", 1), ("batch_size", 1), ("open_shards", 1), ("buffer", 0)):
            if getattr(self, name) < least:
                raise DataError(f"{name}={getattr(self, name)}: use {least} or more")


class Phase(NamedTuple):
    """A part of an epoch that is over: how it was read, and how many batches every rank did."""

    reading: Reading
    batches: int


class Piece(NamedTuple):
    """Samples of one shard, ascending."""

    shard: int
    samples: range | np.ndarray


class Group(NamedTuple):
    """Pieces that are read side by side, and the order in which their samples come."""

    pieces: list[Piece]
    piece: np.ndarray  # (m,) of the m samples, in that order: which piece
    sample: np.ndarray  # (m,) its place in the shard


class EpochPlan:
    """What one rank reads of pieces that all ranks share; made by `plan_epoch`, a pure function of its arguments.

    Args:
        pieces: what all ranks together read, in the order in which it is shared out.
        seed: numbers that the order follows from.
        rank: this rank, 0 … reading.world - 1.
        reading: how it is read.

    Attributes:
        total: samples of all ranks.
        samples: this rank's.
        batches: of every rank; 0 if there are fewer samples than ranks.
    """

    def __init__(self, pieces: Sequence[Piece], seed: Sequence[int], rank: int, reading: Reading) -> None:
        self.reading = reading
        self._seed = (*seed, rank)
        ends = pieces.ends if isinstance(pieces, _Shards) else np.cumsum([0, *(len(p.samples) for p in pieces)])
        self.total = int(ends[-1])
        start, stop = (_bound(rank + i, self.total, reading.world) for i in (0, 1))
        self._pieces = _cut(pieces, ends, start, stop)
        self.samples = stop - start
        self.batches = min(-(-self.total // (reading.world * reading.batch_size)), self.total // reading.world)

    def size(self, batch: int) -> int:
        """Number of samples in batch `batch` of this rank."""
        return self.first(batch + 1) - self.first(batch)

    def first(self, batch: int) -> int:
        """Place of the batch's first sample among the rank's samples."""
        return _bound(batch, self.samples, self.batches)

    def batch_of(self, places: np.ndarray) -> np.ndarray:
        """Batch that each of the rank's sample places belongs to; the inverse of `first`."""
        return ((places + 1) * self.batches - 1) // max(self.samples, 1)

    def groups(self, place: int = 0) -> Iterator[tuple[int, Group]]:
        """Yield (place of its first sample, group) from the group on that holds the rank's sample `place`."""
        ends = [0, *accumulate(len(piece.samples) for piece in self._pieces)]
        most = self.reading.open_shards if self.reading.shuffle else 1
        number = -(-len(self._pieces) // most)
        for i in range(number):
            start, stop = (_bound(i + j, len(self._pieces), number) for j in (0, 1))
            if ends[stop] > place:
                yield ends[start], self._group(self._pieces[start:stop], i)

    def rest(self, batches: int) -> list[Piece]:
        """Return what this rank has left after its first `batches` batches."""
        place = self.first(min(batches, self.batches))
        left: list[Piece] = []
        for first, group in self.groups(place):
            if first >= place:
                left += group.pieces
                continue
            piece, sample = group.piece[place - first :], group.sample[place - first :]
            left += [Piece(p.shard, np.sort(sample[piece == i])) for i, p in enumerate(group.pieces)]
        return [piece for piece in left if len(piece.samples)]

    def _group(self, pieces: list[Piece], number: int) -> Group:
        lengths = np.array([len(piece.samples) for piece in pieces])
        piece = np.repeat(np.arange(len(pieces), dtype=np.int32), lengths)
        samples = [
            np.arange(p.samples.start, p.samples.stop) if isinstance(p.samples, range) else p.samples for p in pieces
        ]
        sample = np.concatenate(samples)
        if not self.reading.shuffle:
            return Group(pieces, piece, sample)
        # `random` alone: its numbers for a seed are the same in every version of NumPy
        uniform = np.random.default_rng([*self._seed, number]).random((2, len(sample)))
        number_of = np.arange(len(sample), dtype=np.uint64)
        k = number_of - np.repeat(np.cumsum(lengths) - lengths, lengths).astype(np.uint64)
        spread = np.repeat(len(sample) / lengths, lengths)
        jitter = max(self.reading.buffer - 2 * self.reading.open_shards, 0)
        place = (k + uniform[0]) * spread + uniform[1] * jitter
        # one integer of place and number sorts faster than argsort, and the same everywhere
        bits = len(k).bit_length()
        scaled = (place * (2.0 ** (62 - bits) / (len(k) + jitter))).astype(np.uint64) << np.uint64(bits)
        order = (np.sort(scaled | number_of) & np.uint64((1 << bits) - 1)).astype(np.int64)
        return Group(pieces, piece[order], sample[order])


def _bound(i: int, samples: int, parts: int) -> int:
    return i * samples // parts if parts else 0


def plan_epoch(
    sizes: Sequence[int], *, seed: int, epoch: int, rank: int, reading: Reading, before: Sequence[Phase] = ()
) -> EpochPlan:
    """Plan what `rank` reads in one epoch, or in what is left of it after the phases `before`.

    Args:
        sizes: samples of every shard, in the index's order.
        seed: of the run.
        epoch: from 0.
        rank: 0 … reading.world - 1.
        reading: how it is read now.
        before: earlier phases of this epoch, under other readings. Where they left fewer samples than there are ranks
            now, these few cannot be shared out and the plan has no batches.

    Raises:
        DataError: fewer samples than ranks, or no such rank.
    """
    if not 0 <= rank < reading.world:
        raise DataError(f"rank={rank}: of {reading.world} ranks it must be one of 0 to {reading.world - 1}")
    total = sum(sizes)
    if total < reading.world:
        raise DataError(f"{total} samples cannot feed {reading.world} ranks: use at most {total} ranks")
    lengths = np.asarray(sizes)
    order = np.arange(len(lengths))
    if (before[0].reading if before else reading).shuffle:
        order = np.argsort(np.random.default_rng([seed, epoch]).random(len(lengths)), kind="stable")
    pieces: Sequence[Piece] = _Shards(order, lengths[order])
    for number, (old, batches) in enumerate(before):
        plans = (EpochPlan(pieces, (seed, epoch, number), r, old) for r in range(old.world))
        pieces = [piece for plan in plans for piece in plan.rest(batches)]
    return EpochPlan(pieces, (seed, epoch, len(before)), rank, reading)


class _Shards(Sequence[Piece]):
    """Whole shards in an order, each made when it is asked for: of ten thousand a rank needs a few."""

    def __init__(self, order: np.ndarray, lengths: np.ndarray) -> None:
        self._order = order
        self.ends = np.cumsum([0, *lengths])

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, i: int) -> Piece:  # type: ignore[override]
        return Piece(int(self._order[i]), range(int(self.ends[i + 1] - self.ends[i])))


def _cut(pieces: Sequence[Piece], ends: np.ndarray, start: int, stop: int) -> list[Piece]:
    """Return the samples `start` to `stop` of pieces laid end to end; piece i lies from ends[i] to ends[i + 1]."""
    first, last = np.searchsorted(ends, [start, stop], side="right")
    cut: list[Piece] = []
    for i in range(max(int(first) - 1, 0), min(int(last), len(pieces))):
        shard, samples = pieces[i]
        place = int(ends[i])
        found = samples[max(start - place, 0) : max(stop - place, 0)]
        if len(found):
            cut.append(Piece(shard, found))
    return cut
