"""Where a training's time and memory go, and how much of the GPU it uses."""

import resource
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from torch.nn.parallel import DistributedDataParallel
from torch.utils.flop_counter import FlopCounterMode

from past.base.distributed import rank_and_world
from past.training.peaks import BACKWARD, peak_of
from past.training.private import exposed_communication, is_accumulating, measure_communication

Stamp = float | torch.cuda.Event


class Throughput(Callback):
    """Logs every `log_every_n_steps` updates, of the updates since it last did.

    - `cells_per_second`, over all ranks.
    - `wait_share`, `forward_share`, `backward_share`: the first rank's time without a batch; in bringing it to the
      device, the model and the loss; in backward; the rest is the optimiser's and the loop's. On a GPU by its clock.
    - `communication_share`: of DDP's averaging, what it did not hide behind backward (and is part of that), as DDP
      itself measures it; the loss's gathering is in forward and backward. Only under DDP.
    - `memory_gb`: most that was allocated on the GPU; without one, the process's high-water mark.
    - `mfu`: the model's operations (three times those of forward, counted once, in the first batch; what is computed
      again to save memory does not count) over the GPU's bfloat16 peak. Only where a peak is known.

    Args:
        peak: operations/s of one device; None: by the GPU's name.
    """

    def __init__(self, peak: float | None = None) -> None:
        self._peak = peak
        self._counter: FlopCounterMode | None = None
        self._counted = 0  # cells of the batch that is counted
        self._operations = 0.0  # of one cell, forward
        self._device = torch.device("cpu")
        self._restart()

    def _restart(self) -> None:
        self._cells = 0
        self._marks: list[tuple[str, Stamp]] = [("", self._now())]

    def _now(self) -> Stamp:
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _mark(self, phase: str) -> None:
        """Say what the time since the last mark was spent on."""
        self._marks.append((phase, self._now()))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Look at the device, have DDP measure as often as is logged, and begin to count."""
        self._device = pl_module.device
        if self._peak is None and self._device.type == "cuda":
            self._peak = peak_of(torch.cuda.get_device_name(self._device))
        if isinstance(trainer.strategy.model, DistributedDataParallel):
            measure_communication(trainer.strategy.model, trainer.log_every_n_steps)  # type: ignore[attr-defined]
        self._restart()  # by the device's clock; a run that goes on within an epoch does not begin one

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the pause between epochs."""
        self._restart()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Count the wait for this batch; count the operations of the first."""
        self._mark("wait")
        if self._peak and not self._operations:
            self._counter, self._counted = FlopCounterMode(display=False), len(batch)
            self._counter.__enter__()

    def on_before_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule, loss: torch.Tensor) -> None:
        """Count the forward pass."""
        self._stop_counting()
        self._mark("forward")

    def on_after_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Count the backward pass."""
        self._mark("backward")

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Leave no counter behind."""
        self._stop_counting()

    def _stop_counting(self) -> None:
        if self._counter is not None:
            self._counter.__exit__(None, None, None)
            self._operations, self._counter = self._counter.get_total_flops() / self._counted, None

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count the batch, and log where it is due."""
        self._mark("rest")
        self._cells += len(batch)
        if is_accumulating(trainer) or trainer.global_step % trainer.log_every_n_steps:  # type: ignore[attr-defined]
            return
        for name, value in self._measured(trainer.strategy.model).items():
            pl_module.log(name, value, prog_bar=name == "wait_share", rank_zero_only=True)
        self._restart()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the time that validation took."""
        self._restart()

    def _measured(self, wrapped: object) -> dict[str, float]:
        spent: Counter[str] = Counter()
        for (_, begin), (phase, end) in pairwise(self._marks):
            spent[phase] += _seconds(begin, end)  # type: ignore[assignment]
        seconds, batches = sum(spent.values()), sum(phase == "rest" for phase, _ in self._marks)
        measured = {"cells_per_second": self._cells * rank_and_world()[1] / seconds}
        measured |= {f"{phase}_share": spent[phase] / seconds for phase in ("wait", "forward", "backward")}
        if isinstance(wrapped, DistributedDataParallel):
            exposed = exposed_communication(wrapped)
            if exposed is not None:
                measured["communication_share"] = exposed / (seconds / batches)
        measured["memory_gb"] = _memory(self._device)
        if self._peak:
            measured["mfu"] = BACKWARD * self._operations * self._cells / seconds / self._peak
        return measured


def _seconds(begin: Stamp, end: Stamp) -> float:
    if isinstance(begin, torch.cuda.Event):
        assert isinstance(end, torch.cuda.Event)
        end.synchronize()
        return begin.elapsed_time(end) / 1e3
    assert isinstance(end, float)
    return end - begin


def _memory(device: torch.device) -> float:
    """Return GB."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
