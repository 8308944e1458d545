"""The stream: a rank's samples of one epoch, still encoded, in the order of its plan, read by one of its workers."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from past.base.errors import DataError
from past.data.shards.entries import Shard
from past.data.shards.index import ShardIndex
from past.data.shards.reader import Faults, LocalShards, OnError, OpenShard, ShardReader
from past.data.stream.plan import EpochPlan, Group, Phase, Reading, plan_epoch


class SampleReader(Protocol):
    """Gives the wanted samples of one shard in any order, once each; `ShardReader` does so of a tar file."""

    def take(self, sample: int) -> Any:
        """Return a sample, or the DataError that says why it cannot be had."""
        ...

    def close(self) -> None:
        """Close what is open."""
        ...


ReadShard = Callable[[OpenShard, Shard, ShardIndex, np.ndarray], SampleReader]


@dataclass
class RawBatch:
    """One batch of a rank, as it lies in the shards; with `on_error="skip"` it may hold fewer than its size.

    Attributes:
        number: of the batch in this phase of the epoch.
        samples: RawCells, or SlideRecords of a set of slides.
        faults: of the samples that could not be had.
    """

    number: int
    samples: list[Any]
    faults: Faults


def plan_of(
    index: ShardIndex, *, rank: int, seed: int, epoch: int, reading: Reading, before: Sequence[Phase] = ()
) -> EpochPlan:
    """Plan what `rank` reads of `index`; see `plan_epoch`."""
    sizes = [shard.samples for shard in index.shards]
    return plan_epoch(sizes, seed=seed, epoch=epoch, rank=rank, reading=reading, before=before)


def shard_stream(
    index: ShardIndex,
    *,
    rank: int,
    seed: int,
    reading: Reading,
    epoch: int = 0,
    position: int = 0,
    before: Sequence[Phase] = (),
    worker: int = 0,
    workers: int = 1,
    on_error: OnError = "raise",
    open_shard: OpenShard | None = None,
    read_shard: ReadShard = ShardReader,
) -> Iterator[RawBatch]:
    """Yield one worker's batches of an epoch: `position + worker`, and every `workers`-th from there.

    What it yields follows from its arguments alone; the `workers` together, in turn, yield the rank's batches from
    `position` on in an order that does not depend on `workers`. Shards are read from front to back; samples of other
    workers, and those that are done, are skipped without being decoded.

    Args:
        index: the shards.
        rank: of `reading.world` ranks.
        seed: of the run.
        reading: batch size, shuffling and world.
        epoch: from 0.
        position: batches of this rank that are already done, in this phase of the epoch.
        before: earlier phases of the epoch; see `Phase`.
        worker: this worker, of `workers`.
        workers: number of workers of this rank, 1 or more.
        on_error: what a sample that cannot be read does: "raise", or "skip" it and count it.
        open_shard: opens a shard; None: from the index's directory.
        read_shard: gives the samples of a shard.

    Raises:
        DataError: a sample cannot be read (`on_error="raise"`); the message names shard, sample and cause.
    """
    open_shard = open_shard or LocalShards(index.root)
    plan = plan_of(index, rank=rank, seed=seed, epoch=epoch, reading=reading, before=before)
    number = position + worker
    batch = RawBatch(number, [], Faults())
    left = plan.size(number) if number < plan.batches else 0
    for first, group in plan.groups(plan.first(position)) if left else ():
        batches = plan.batch_of(np.arange(first, first + len(group.piece)))
        mine = np.flatnonzero((batches >= position) & ((batches - position) % workers == worker))
        with closing(_read_group(index, group, mine, open_shard, read_shard)) as samples:
            for shard, cell in samples:
                if not isinstance(cell, DataError):
                    batch.samples.append(cell)
                elif on_error == "raise":
                    raise cell
                else:
                    batch.faults.add(shard, cell)
                left -= 1
                if left == 0:
                    yield batch
                    number += workers
                    batch = RawBatch(number, [], Faults())
                    left = plan.size(number) if number < plan.batches else 0


def _read_group(
    index: ShardIndex, group: Group, mine: np.ndarray, open_shard: OpenShard, read_shard: ReadShard
) -> Generator[tuple[str, Any], None, None]:
    """Yield the samples at the places `mine` of a group, in order, each with its shard's name; a fault in its place."""
    piece, sample = group.piece[mine], group.sample[mine]
    with ExitStack() as files:
        forward = [
            read_shard(open_shard, index.shards[p.shard], index, sample[piece == i]) for i, p in enumerate(group.pieces)
        ]
        for reader in forward:
            files.callback(reader.close)
        for p, i in zip(piece.tolist(), sample.tolist(), strict=True):
            yield index.shards[group.pieces[p].shard].name, forward[p].take(i)
