"""What goes along with a training: the gradient's norm, which must be a number, and the seed of each batch."""

from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from past.base.errors import TrainingError
from past.training.norms import total_norm
from past.training.private import is_accumulating, set_logged_step


class GradientNorm(Callback):
    """Logs `grad_norm`, the 2-norm over all parameters before clipping, once an update; it and the loss must be finite.

    All ranks end at the first update in which a rank's loss, or the norm, is not. That is asked once an update, when
    its batches are done and before anything is saved: two numbers that the ranks reduce, and one wait for the device,
    which `KeepLast` makes a moment later in any case. Where a `GradScaler` (16-mixed) leaves an update out because of
    its gradient, the loss alone counts.
    """

    def __init__(self) -> None:
        self._loss = self._norm = torch.zeros(())  # of the update in hand; NaN stays in a sum

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Measure after the gradients are averaged over ranks."""
        norm = total_norm([parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None])
        pl_module.log("grad_norm", norm)
        self._norm = norm

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add up the batches' losses, and look at them where the update is over.

        Raises:
            TrainingError: on all ranks; names the update.
        """
        self._loss = self._loss.to(outputs["loss"].device) + outputs["loss"]
        if is_accumulating(trainer):
            return
        scaled = getattr(trainer.precision_plugin, "scaler", None) is not None
        numbers = torch.stack([self._loss, torch.zeros_like(self._loss) if scaled else self._norm.to(self._loss)])
        bad = trainer.strategy.reduce((~numbers.isfinite()).float(), reduce_op="max").tolist()
        self._loss = torch.zeros_like(self._loss)
        if any(bad):
            raise TrainingError(
                f"update {trainer.global_step}: {'the loss' if bad[0] else 'the norm of the gradient'} is not finite, "
                "and training has ended; nothing of this update was saved: begin under another run_id with a lower "
                "module.optim.lr, from this run's last.ckpt by ckpt= if there is one; or with the same command if it "
                "was chance (a broken sample, a GPU's fault)"
            )


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
