"""What a part is measured on, and what it says: rows of one table."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch

from past.training.peaks import BACKWARD, peak_of

GIB = 2**30


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: was measured.
        value: with its unit.
        wanted: what is to be reached; "": nothing is.
        reached: whether it is; None: nothing is wanted, or a toy of it was run.
    """

    what: str
    value: str
    wanted: str = ""
    reached: bool | None = None


@dataclass(frozen=True)
class Seconds:
    """Median, least and most of several runs."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.median * 1e3:.1f} ms ({self.least * 1e3:.1f}–{self.most * 1e3:.1f})"


@dataclass(frozen=True)
class Machine:
    """A device, and whether everything runs at toy size: without a GPU the script is only tried.

    Attributes:
        device: where it computes.
        toy: sizes of seconds on a CPU.
    """

    device: torch.device
    toy: bool

    @property
    def name(self) -> str:
        """What the card calls itself."""
        return torch.cuda.get_device_name(self.device) if self.on_gpu else "CPU, toy sizes"

    @property
    def on_gpu(self) -> bool:
        """Whether there is a card."""
        return self.device.type == "cuda"

    @property
    def peak(self) -> float | None:
        """The card's dense bfloat16 operations a second; None: not known."""
        return peak_of(self.name) if self.on_gpu else None

    def seconds(self, call: Callable[[], object], repeats: int = 7, warm_up: int = 3) -> Seconds:
        """Return what `call` takes, by the card's own clock where there is one."""
        for _ in range(0 if self.toy else warm_up):
            call()
        taken = [self._once(call) for _ in range(1 if self.toy else repeats)]
        return Seconds(statistics.median(taken), min(taken), max(taken))

    def _once(self, call: Callable[[], object]) -> float:
        if not self.on_gpu:
            start = time.perf_counter()
            call()
            return time.perf_counter() - start
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        call()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3

    def gib(self, call: Callable[[], object]) -> float | None:
        """Return the most GiB that the card holds during `call`; None without one."""
        if not self.on_gpu:
            return None
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        call()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() / GIB

    @contextlib.contextmanager
    def without_waiting(self) -> Iterator[None]:
        """Make an error of every operation within that waits for the card."""
        if not self.on_gpu:
            yield
            return
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")

    def wanted(self, what: str, value: str, wanted: str, reached: bool) -> Row:
        """Return a row of which something is wanted; a toy reaches nothing and misses nothing."""
        return Row(what, value, wanted, None if self.toy else reached)


def mfu(machine: Machine, forward_operations: float, seconds: float) -> float | None:
    """Return the share of the card's peak that a training step uses, by the operations of its forward pass."""
    return None if machine.peak is None else BACKWARD * forward_operations / seconds / machine.peak


def shown(gib: float | None) -> str:
    """Return memory in words."""
    return "" if gib is None else f", {gib:.2f} GiB"
