"""The stream: a rank's samples of one epoch, still encoded, in the order of its plan, read by one of its workers."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from past.data.index import Shard, ShardIndex
from past.data.plan import EpochPlan, Group, Phase, Reading, plan_epoch
from past.data.slide_format import form_of
from past.data.tar import ShardReader
from past.errors import DataError

OnError = Literal["raise", "skip"]
OpenShard = Callable[[Shard], BinaryIO]


@dataclass(frozen=True)
class LocalShards:
    """Opens the shards of a directory."""

    root: str

    def __call__(self, shard: Shard) -> BinaryIO:
        """Open a shard.

        Raises:
            DataError: it is not there, or may not be read.
        """
        try:
            return (Path(self.root) / shard.name).open("rb")
        except OSError as error:
            raise DataError(
                f"{shard.name}: cannot be opened in {self.root} ({error.strerror}): restore it, or make it again"
            ) from error


@dataclass
class Faults:
    """Samples that could not be had: how many of each shard, and the message of each shard's first."""

    skipped: Counter[str] = field(default_factory=Counter)
    causes: dict[str, str] = field(default_factory=dict)

    @property
    def first(self) -> str | None:
        """The first one's message."""
        return next(iter(self.causes.values()), None)

    def add(self, shard: str, error: DataError) -> None:
        """Count one sample."""
        self.skipped[shard] += 1
        self.causes.setdefault(shard, str(error))


@dataclass
class RawBatch:
    """One batch of a rank, as it lies in the shards; with `on_error="skip"` it may hold fewer than its size.

    Attributes:
        number: of the batch in this phase of the epoch.
        cells: RawCells, or SlideRecords of a set of slides.
        faults: of the samples that could not be had.
    """

    number: int
    cells: list[Any]
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
) -> Iterator[RawBatch]:
    """Yield one worker's batches of an epoch: `position + worker`, and every `workers`-th from there.

    What it yields follows from its arguments alone; the `workers` together, in turn, yield the rank's batches from
    `position` on in an order that does not depend on `workers`. Shards are read forward; those of other workers'
    samples, or of samples that are done, are passed over without decoding.

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
        with closing(_read_group(index, group, mine, open_shard)) as samples:
            for shard, cell in samples:
                if not isinstance(cell, DataError):
                    batch.cells.append(cell)
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
    index: ShardIndex, group: Group, mine: np.ndarray, open_shard: OpenShard
) -> Generator[tuple[str, Any], None, None]:
    """Yield the samples at the places `mine` of a group, in order, each with its shard's name; a fault in its place."""
    piece, sample = group.piece[mine], group.sample[mine]
    with ExitStack() as files:
        forward = [
            Forward(open_shard, index.shards[p.shard], index, sample[piece == i]) for i, p in enumerate(group.pieces)
        ]
        for reader in forward:
            files.callback(reader.close)
        for p, i in zip(piece.tolist(), sample.tolist(), strict=True):
            yield index.shards[group.pieces[p].shard].name, forward[p].take(i)


class Forward:
    """Reads the wanted samples of one shard, ascending, as far as it must; holds what is to be given later.

    Args:
        open_shard: opens the shard, when its first sample is asked for.
        shard: the shard.
        index: the set's; it says how many genes there are, and what a sample is made of.
        wanted: (n,) places of the samples that will be asked for, in any order, once each.
    """

    def __init__(self, open_shard: OpenShard, shard: Shard, index: ShardIndex, wanted: np.ndarray) -> None:
        self._open, self._shard, self._genes, self._form = open_shard, shard, len(index.genes), form_of(index.settings)
        self._wanted = iter(np.sort(wanted).tolist())
        self._held: dict[int, Any] = {}
        self._file: BinaryIO | None = None
        self._reader: ShardReader | None = None
        self._fault: DataError | None = None  # of the shard itself: nothing more can be had from it

    def take(self, sample: int) -> Any:
        """Return a sample (RawCell or SlideRecord), or the DataError that says why it cannot be had."""
        while sample not in self._held:
            number = next(self._wanted)
            self._held[number] = self._read(number)
        return self._held.pop(sample)

    def _read(self, number: int) -> Any:
        if self._fault is not None:
            return self._fault
        try:
            if self._reader is None:
                self._file = self._open(self._shard)
                self._reader = ShardReader(self._file, self._shard.name, self._genes, self._form)
            self._reader.skip(number - self._reader.samples)
            cell = self._reader.read()
            if cell is None:
                raise DataError(
                    f"{self._shard.name}: ends after {number} samples; its index counts {self._shard.samples}"
                )
            if cell.meta["section"] != self._shard.section:
                raise DataError(
                    f"{self._shard.name}: sample {cell.key}: it is of section {cell.meta['section']!r:.40}, "
                    f"its index says {self._shard.section!r}: the shard was exchanged; run 'past verify'"
                )
        except DataError as error:
            if self._reader is None or self._reader.ended:
                self._fault = error
            return error
        return cell

    def close(self) -> None:
        """Close the shard, if it is open."""
        if self._file is not None:
            self._file.close()
            self._file = None
