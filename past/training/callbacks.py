"""What goes along with a training: the gradient's norm, and the seed of each batch's dropout."""

from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch.distributed.tensor import DTensor

from past.training.private import set_logged_step


class GradientNorm(Callback):
    """Logs `grad_norm`, the 2-norm over all parameters before clipping, once an update."""

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Measure after the gradients are averaged over ranks."""
        gradients = [parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        pl_module.log("grad_norm", norm.full_tensor() if isinstance(norm, DTensor) else norm)


class SeedBatches(Callback):
    """Seeds each batch by (seed, rank, update, place in the update), so that dropout is the same after a resume.

    Args:
        seed: the run's.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._update, self._place = -1, 0

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Seed the generators of all devices, and tell loggers the update's own number."""
        self._place = self._place + 1 if trainer.global_step == self._update else 0
        self._update = trainer.global_step
        set_logged_step(trainer, self._update)
        entropy = [self._seed, trainer.global_rank, self._update, self._place]
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0]))
