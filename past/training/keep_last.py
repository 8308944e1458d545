"""`last.ckpt`: written while training, at the end of each epoch, and before a signal ends it, between two updates."""

import signal
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback
from rich import print as rich_print

from past.base.errors import require_number
from past.training.private import is_accumulating

NOTED = (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM)
PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2)  # a launcher that listens to them brings the job back itself


class KeepLast(Callback):
    """Writes `<directory>/last.ckpt`, from which training goes on as if it had never stopped.

    SIGINT (Ctrl-C), SIGTERM, SIGUSR1 and SIGUSR2 to any rank end training on all after the update in hand, with the
    checkpoint written; a second Ctrl-C ends it at once. After SIGINT the program goes on; after another signal it ends
    with 128 plus its number, as a shell would say it, unless a launcher had set a handler of its own, which is called.
    In the validation after an epoch such a signal ends it after the batch in hand, Ctrl-C after the next update.
    Saved when a batch ends and not when an epoch does: an epoch that was cut short would count as done otherwise.

    Args:
        directory: the run's checkpoints.
        every: updates between two checkpoints; the end of an epoch and of the training are always kept.
    """

    def __init__(self, directory: str, every: int = 500) -> None:
        require_number("callbacks.last.every", every, least=1)
        self._path = Path(directory) / "last.ckpt"
        self._every = every
        self._noted = 0  # number of the signal that asked to stop
        self._before: dict[int, Callable[[int, FrameType | None], Any]] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals over; Lightning noted the handlers before this hook and puts them back however it ends."""
        self._noted = 0

        def note(signum: int, frame: FrameType | None) -> None:
            if self._noted == signum == signal.SIGINT:
                raise KeyboardInterrupt
            self._noted = signum
            if trainer.is_global_zero:
                again = "; once more to stop at once" if signum == signal.SIGINT else ""
                rich_print(f"\n[bold]{signal.Signals(signum).name}: finishing this update and saving{again}.[/bold]")

        before = {signum: signal.signal(signum, note) for signum in NOTED}
        self._before = {signum: handler for signum in PASSED_ON if callable(handler := before[signum])}

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where it is due, and stop all ranks together if any was asked to."""
        if is_accumulating(trainer):
            return
        self._agree(trainer)
        due = trainer.global_step % self._every == 0 or trainer.global_step == trainer.max_steps
        if self._noted or due or trainer.is_last_batch:
            for logger in trainer.loggers:  # what a resumed run will not train, and so not log, again
                logger.save()
            trainer.save_checkpoint(self._path, weights_only=False)
        if self._noted:
            trainer.should_stop = True
            trainer.limit_val_batches = 0

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """End within the validation after an epoch: its last batch is saved.

        A run that goes on does not make up for it, nor for one that a signal in an epoch's last batch left out.

        Raises:
            SystemExit: as `teardown`.
        """
        if trainer.is_last_batch and not trainer.sanity_checking:
            self._agree(trainer)
            self._end()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """End as the signal asks, once everything is written.

        Raises:
            SystemExit: training was ended by a signal other than Ctrl-C, and no launcher handles it.
        """
        self._end()

    def _agree(self, trainer: pl.Trainer) -> None:
        """Take the signal that any rank got."""
        asked = torch.tensor(self._noted, device=trainer.strategy.root_device)
        self._noted = int(trainer.strategy.reduce(asked, reduce_op="max"))

    def _end(self) -> None:
        if self._noted in (0, signal.SIGINT):
            return
        if self._noted in self._before:
            self._before[self._noted](self._noted, None)
        raise SystemExit(128 + self._noted)
