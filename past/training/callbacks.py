"""What goes along with a training: throughput, the gradient's norm, and the seed of each batch's dropout."""

import time
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from past.distributed import rank_and_world


class Throughput(Callback):
    """Logs `cells_per_second` over all ranks and `wait_share`, the share of time in which a rank waited for data."""

    def __init__(self) -> None:
        self._restart()

    def _restart(self) -> None:
        self._cells, self._waited, self._since = 0, 0.0, time.perf_counter()
        self._ready = self._since

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the pause between epochs."""
        self._restart()

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, *_: Any) -> None:
        """Count the wait for this batch."""
        self._waited += time.perf_counter() - self._ready

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, *_: Any
    ) -> None:
        """Count the batch, and log every `log_every_n_steps` updates."""
        self._cells += len(batch)
        self._ready = time.perf_counter()
        if trainer.fit_loop.epoch_loop._should_accumulate() or trainer.global_step % trainer.log_every_n_steps:  # type: ignore[attr-defined]
            return
        seconds = self._ready - self._since
        world = rank_and_world()[1]
        pl_module.log("cells_per_second", self._cells * world / seconds, rank_zero_only=True)
        pl_module.log("wait_share", self._waited / seconds, prog_bar=True, rank_zero_only=True)
        self._restart()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Forget the time that validation took."""
        self._restart()


class GradientNorm(Callback):
    """Logs `grad_norm`, the 2-norm over all parameters before clipping, once an update."""

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Measure after the gradients are averaged over ranks."""
        gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
        pl_module.log("grad_norm", torch.nn.utils.get_total_norm(gradients))


class SeedBatches(Callback):
    """Seeds each batch by (seed, rank, update, place in the update), so that dropout is the same after a resume.

    Args:
        seed: the run's.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._update, self._place = -1, 0

    def on_train_batch_start(self, trainer: pl.Trainer, *_: Any) -> None:
        """Seed the generators of all devices, and tell loggers the update's own number."""
        self._place = self._place + 1 if trainer.global_step == self._update else 0
        self._update = trainer.global_step
        trainer.fit_loop.epoch_loop._batches_that_stepped = self._update  # Lightning's is short by one after two stops
        entropy = [self._seed, trainer.global_rank, self._update, self._place]
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]))
