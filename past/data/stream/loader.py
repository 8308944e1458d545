"""Loaders: worker processes that make batches, ranks that stop together, and a place in the epoch that can be saved."""

import atexit
import hashlib
import logging
import multiprocessing.process
import multiprocessing.util  # registers its own end, which waits for workers that leave signals alone: ours comes first
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Generic, Protocol, TypeVar
from weakref import WeakSet

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from past.base.errors import DataError, PastError
from past.base.types import Movable
from past.data.shards.index import ShardIndex
from past.data.shards.reader import Faults, OnError, OpenShard, ShardReader
from past.data.stream.agreement import Agreement
from past.data.stream.plan import EpochPlan, Phase, Reading
from past.data.stream.shared_buffers import SharedBuffers
from past.data.stream.stream import RawBatch, ReadShard, plan_of, shard_stream

log = logging.getLogger(__name__)
Batch = TypeVar("Batch", bound=Movable)
Batch_co = TypeVar("Batch_co", bound=Movable, covariant=True)


class Collate(Protocol[Batch_co]):
    """Makes batches, in the loader's workers, of what lies in the shards."""

    @property
    def on_error(self) -> OnError:
        """What a sample that cannot be used does: "raise", or "skip" it and count it."""
        ...

    def __call__(self, raw: RawBatch, epoch: int) -> tuple[Batch_co, Faults]:
        """Return the batch, and its samples' faults, those of `raw` included."""
        ...


@dataclass
class _Delivery(Generic[Batch]):
    """What a worker hands over: a batch, or why there is none."""

    batch: Batch | None
    faults: Faults = field(default_factory=Faults)
    failure: str | None = None

    def pin_memory(self) -> "_Delivery[Batch]":
        return replace(self, batch=None if self.batch is None else self.batch.pin_memory())


@dataclass
class Skipped:
    """Samples of an epoch that could not be had so far.

    Attributes:
        everyone: how many over all ranks.
        before: how many of these in earlier runs of the epoch.
        own: this rank's of this run, by shard.
    """

    everyone: int = 0
    before: int = 0
    own: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        shown = ", ".join(f"{count} of {shard}" for shard, count in self.own.most_common(5)) or "none"
        return f"{shown}; all ranks {self.before:,} before this run" if self.before else shown


@dataclass(frozen=True)
class RankReader(Generic[Batch]):
    """One set of shards, how one rank reads it, and what becomes of its samples.

    Attributes:
        index: the shards.
        collate: makes the batches.
        reading: how they are read.
        rank: of `reading.world` ranks.
        seed: of the run.
        workers: processes that read and decode; 0: the caller's own.
        agreement: keeps the ranks together.
        max_skipped: with `collate.on_error="skip"`, the share of an epoch's samples above which all ranks stop.
        pin_memory: whether batches are put into pinned memory.
        open_shard: opens a shard; None: from the index's directory.
        read_shard: gives the samples of a shard.
    """

    index: ShardIndex
    collate: Collate[Batch]
    reading: Reading
    rank: int
    seed: int
    workers: int
    agreement: Agreement
    max_skipped: float = 0.001
    pin_memory: bool = False
    open_shard: OpenShard | None = None
    read_shard: ReadShard = ShardReader

    def plan(self, epoch: int, before: tuple[Phase, ...] = ()) -> EpochPlan:
        """Plan an epoch, or what `before` left of it."""
        return plan_of(self.index, rank=self.rank, seed=self.seed, epoch=epoch, reading=self.reading, before=before)

    def read(
        self, epoch: int, position: int = 0, before: tuple[Phase, ...] = (), skipped: Skipped | None = None
    ) -> Iterator[Batch]:
        """Yield the rank's batches of an epoch from `position` on, counting in `skipped` what is missing in them.

        Raises:
            DataError: a sample cannot be read, or too many; on all ranks, before any uses the batch.
        """
        dataset = _WorkerDataset(self, epoch, position, before)
        loader = DataLoader(
            dataset, None, num_workers=self.workers, pin_memory=self.pin_memory, worker_init_fn=_leave_signals
        )
        others = multiprocessing.active_children()
        deliveries = iter(loader)
        _workers.update(worker for worker in multiprocessing.active_children() if worker not in others)
        batches = self.plan(epoch, before).batches
        skipped = skipped or Skipped()
        for number in range(position, batches):
            batch = self._agree(deliveries, skipped)
            if skipped.own and number == batches - 1:
                log.warning("epoch %d: rank %d skipped %s", epoch, self.rank, skipped)
            yield batch

    def _agree(self, deliveries: Iterator[_Delivery[Batch]], skipped: Skipped) -> Batch:
        try:
            delivery = next(deliveries)
        except Exception as error:
            # A worker that was killed, or a fault of this program: the other ranks must not wait for this one.
            self.agreement.stop_others(f"{type(error).__name__}: {' '.join(str(error).split())[:300]}")
            if isinstance(error, EOFError | OSError) and "in DataLoader worker" not in str(error):
                # not the worker's own error: its pipe broke while it handed a batch over
                raise DataError(
                    "a DataLoader worker was killed: is memory or ulimit -n short? lower data.num_workers"
                ) from error
            raise
        for shard, cause in delivery.faults.causes.items():
            if shard not in skipped.own:
                log.warning("%s: skipped a sample: %s", shard, cause)
        skipped.own.update(delivery.faults.skipped)
        skipped.everyone = skipped.before + self.agreement.check(delivery.failure, skipped.own.total())
        if skipped.everyone > self.max_skipped * self.index.samples:
            raise DataError(
                f"{skipped.everyone:,} of {self.index.samples:,} samples could not be read, more than "
                f"data.max_skipped={self.max_skipped:g} allows (rank {self.rank}: {skipped}): "
                f"run 'past verify {self.index.root}'"
            )
        assert delivery.batch is not None
        return delivery.batch


class _WorkerDataset(IterableDataset[_Delivery[Batch]]):
    """What a worker process runs."""

    def __init__(self, reader: RankReader[Batch], epoch: int, position: int, before: tuple[Phase, ...]) -> None:
        self._reader, self._epoch, self._position, self._before = reader, epoch, position, before
        self._buffers = SharedBuffers(reader.workers)

    def __iter__(self) -> Iterator[_Delivery[Batch]]:
        reader, info = self._reader, get_worker_info()
        try:
            for raw in shard_stream(
                reader.index,
                rank=reader.rank,
                seed=reader.seed,
                reading=reader.reading,
                epoch=self._epoch,
                position=self._position,
                before=self._before,
                worker=0 if info is None else info.id,
                workers=1 if info is None else info.num_workers,
                on_error=reader.collate.on_error,
                open_shard=reader.open_shard,
                read_shard=reader.read_shard,
            ):
                batch, faults = reader.collate(raw, self._epoch)
                yield _Delivery(batch if info is None else self._buffers.pack(batch, info.id), faults)
        except PastError as error:
            yield _Delivery(None, failure=str(error))


_workers: WeakSet[multiprocessing.process.BaseProcess] = WeakSet()


@atexit.register
def _end_workers() -> None:
    """End the workers of readings that nobody finished."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # torch takes an ended worker for a fault
    for worker in _workers:
        worker.kill()


def _leave_signals(worker: int) -> None:
    """Leave to the rank what a cluster sends to all processes: a rank that saves and stops still needs its workers."""
    for signum in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(signum, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)  # a forked worker has the rank's, which would hear of the worker's signals


class Loader(Generic[Batch]):
    """Every sample once, from the start, each time it is iterated; for validation and inference."""

    def __init__(self, reader: RankReader[Batch]) -> None:
        self._reader = reader

    def __len__(self) -> int:
        return self._reader.plan(0).batches

    def __iter__(self) -> Iterator[Batch]:
        return self._reader.read(0)


class TrainingLoader(Generic[Batch]):
    """A new epoch each time it is iterated, and a state that continues an epoch where it was.

    The state counts the batches that were used: those that workers made ahead are made again. It holds on any number
    of ranks and workers, with any batch size.

    Args:
        reader: what is read.
        in_flight: number of batches that were handed out and are still being used (0 or 1).

    Attributes:
        epoch: the epoch that is being read, from 0.
    """

    def __init__(self, reader: RankReader[Batch], in_flight: Callable[[], int] = lambda: 0) -> None:
        self._reader = reader
        self._in_flight = in_flight
        self.epoch = 0
        self._position = 0  # batches handed out, in this phase of the epoch
        self._before: tuple[Phase, ...] = ()
        self._begun = False  # whether the next iteration is a new epoch
        self._skipped = deque([0, 0], maxlen=2)  # of the epoch, all ranks: after the last batch but one, after the last

    def __len__(self) -> int:
        """Batches of this rank in the current epoch, those before a change of ranks included."""
        return sum(phase.batches for phase in self._before) + self._reader.plan(self.epoch, self._before).batches

    def __iter__(self) -> Iterator[Batch]:
        # all of it happens at the first `next`: an iterator that nobody reads from changes nothing
        over = self._position >= self._reader.plan(self.epoch, self._before).batches
        if self._begun or over:
            self.epoch, self._position, self._before = self.epoch + 1, 0, ()
            self._skipped = deque([0, 0], maxlen=2)
        self._begun = True
        skipped = Skipped(before=self._skipped[-1])
        for batch in self._reader.read(self.epoch, self._position, self._before, skipped):
            self._position += 1
            self._skipped.append(skipped.everyone)
            yield batch

    def state_dict(self) -> dict[str, object]:
        """Return the place in the epoch as plain values; the same on all ranks."""
        in_flight = self._in_flight()
        return {
            "shards": _fingerprint(self._reader.index),
            "seed": self._reader.seed,
            "epoch": self.epoch,
            "phases": [
                {"reading": asdict(phase.reading), "batches": phase.batches}
                for phase in (*self._before, Phase(self._reader.reading, self._position - in_flight))
            ],
            "skipped": self._skipped[-1 - in_flight],
        }

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Continue from a state, of this or of another number of ranks.

        Raises:
            DataError: the state is of other shards or another seed, or none of ours.
        """
        for name, own in (("shards", _fingerprint(self._reader.index)), ("seed", self._reader.seed)):
            if state.get(name) != own:
                raise DataError(
                    f"the checkpoint is in the middle of an epoch of other data ({name} {state.get(name)}, now {own}): "
                    "give the data and seed it was trained with, or start a new run from its weights"
                )
        try:
            phases = [Phase(Reading(**phase["reading"]), int(phase["batches"])) for phase in state["phases"]]  # type: ignore[attr-defined]
            *before, last = phases
            epoch, skipped = int(state["epoch"]), int(state["skipped"])  # type: ignore[call-overload]
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"the checkpoint says no place in an epoch ({error!s:.80}): give ckpt=null to begin"
            ) from error
        self.epoch, self._begun = epoch, False
        self._skipped = deque([skipped] * 2, maxlen=2)
        if last.reading == self._reader.reading or last.batches == 0:
            self._before, self._position = tuple(before), last.batches
            return
        self._before, self._position = (*before, last), 0
        plan = self._reader.plan(self.epoch, self._before)
        log.warning(
            "epoch %d goes on with %d ranks × batches of %d after %d batches with %d × %d: the %s samples left "
            "are shared out anew, none twice and none lost%s",
            self.epoch,
            self._reader.reading.world,
            self._reader.reading.batch_size,
            last.batches,
            last.reading.world,
            last.reading.batch_size,
            f"{plan.total:,}",
            "" if plan.batches else f", but for the last {plan.total}, fewer than there are ranks",
        )


def _fingerprint(index: ShardIndex) -> str:
    lines = "\n".join(f"{shard.name} {shard.samples}" for shard in index.shards)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]
