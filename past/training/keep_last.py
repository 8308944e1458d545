"""`last.ckpt`: written while training, at the end of each epoch, and on Ctrl-C, always between two updates."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from rich import print as rich_print


class KeepLast(Callback):
    """Writes `<directory>/last.ckpt`, from which training goes on as if it had never stopped.

    The first Ctrl-C ends training after the update in hand, with the checkpoint written; a second ends it at once.
    Saved when a batch ends and not when an epoch does: an epoch that was cut short would count as done otherwise.

    Args:
        directory: the run's checkpoints.
        every: updates between two checkpoints; the end of an epoch and of the training are always kept.
    """

    def __init__(self, directory: str, every: int = 500) -> None:
        self._path = Path(directory) / "last.ckpt"
        self._every = every
        self._asked = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take over SIGINT; Lightning noted the handlers before this hook and puts them back however training ends."""
        self._asked = False

        def ask(signum: int, frame: FrameType | None) -> None:
            if self._asked:
                raise KeyboardInterrupt
            self._asked = True
            if trainer.is_global_zero:
                rich_print("\n[bold]Ctrl-C: finishing this update and saving; once more to stop at once.[/bold]")

        signal.signal(signal.SIGINT, ask)

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Save where it is due, and stop all ranks together if any was asked to."""
        loop = trainer.fit_loop.epoch_loop
        if loop._should_accumulate():
            return
        stop = trainer.strategy.reduce_boolean_decision(self._asked, all=False)
        due = trainer.global_step % self._every == 0 or trainer.global_step == trainer.max_steps
        if stop or due or trainer.is_last_batch:
            trainer.save_checkpoint(self._path, weights_only=False)
        if stop:
            trainer.should_stop = True
            trainer.limit_val_batches = 0
