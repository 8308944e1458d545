"""`last.ckpt`: written while training, at the end of each epoch, and before a signal ends it, between two updates."""

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback

from past.base.errors import require_number
from past.training.leaving import Leaving
from past.training.private import checkpoint_of, is_accumulating
from past.training.sharded import Sharded

NOTED = (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM)
PASSED_ON = (signal.SIGUSR1, signal.SIGUSR2)  # a launcher that listens to them brings the job back itself


class KeepLast(Callback):
    """Writes `<directory>/last.ckpt`, from which training goes on as if it had never stopped.

    SIGINT (Ctrl-C), SIGTERM, SIGUSR1 and SIGUSR2 to any rank end training on all after the update in hand, with the
    checkpoint written; a second Ctrl-C ends it at once. After SIGINT the program goes on; after another signal it ends
    with 128 plus its number, as a shell would say it, unless a launcher had set a handler of its own, which is called.
    In the validation after an epoch such a signal ends it after the batch in hand, Ctrl-C after the next update.
    An update that takes more than `grace` seconds after SIGTERM is left out, and the state before it is saved; with
    trainer=fsdp it is always finished. A second SIGTERM ends the training at once.
    Saved when a batch ends and not when an epoch does: an epoch that was cut short would count as done otherwise.

    Args:
        directory: the run's checkpoints.
        every: updates between two checkpoints; the end of an epoch and of the training are always kept.
        grace: seconds.
    """

    def __init__(self, directory: str, every: int = 500, grace: float = 10.0) -> None:
        require_number("callbacks.last.every", every, least=1)
        require_number("callbacks.last.grace", grace, least=0.0)
        self._path = Path(directory) / "last.ckpt"
        self._every, self._grace = every, grace
        self._leaving: Leaving | None = None
        self._begun, self._took = 0.0, 0.0  # of the update in hand; seconds of the last one
        self._noted = 0  # number of the signal that asked to stop
        self._before: dict[int, Callable[[int, FrameType | None], Any]] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the signals over; Lightning noted the handlers before this hook and puts them back however it ends."""
        self._noted = 0

        def note(signum: int, frame: FrameType | None) -> None:
            if self._noted == signum == signal.SIGINT:
                raise KeyboardInterrupt
            self._noted = signum

        before = {signum: signal.signal(signum, note) for signum in NOTED}
        self._before = {signum: handler for signum in PASSED_ON if callable(handler := before[signum])}
        self._begun = time.monotonic()
        if trainer.is_global_zero:
            self._leaving = Leaving(self._grace, NOTED, self._prospect)
            self._leaving.may_leave(lambda: None)  # nothing was trained yet

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        """Weights change from here on: the update in hand can be left out no more."""
        if self._leaving is not None:
            self._leaving.must_stay()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where it is due, and stop all ranks together if any was asked to."""
        if is_accumulating(trainer):
            return
        self._agree(trainer)
        due = trainer.global_step % self._every == 0 or trainer.global_step == trainer.max_steps
        saved = self._noted or due or trainer.is_last_batch
        if saved:
            _save_loggers(trainer)  # what a resumed run will not train, and so not log, again
            trainer.save_checkpoint(self._path, weights_only=False)
        if self._noted:
            trainer.should_stop = True
            trainer.limit_val_batches = 0
        self._took, self._begun = time.monotonic() - self._begun, time.monotonic()
        if self._leaving is None:
            return
        if saved:
            self._leaving.may_leave(partial(_save_loggers, trainer))
        elif 10 * self._took >= self._grace and not isinstance(trainer.strategy, Sharded):
            self._leaving.may_leave(partial(self._write, trainer, _before_the_next(trainer, pl_module)))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """The next update begins."""
        self._begun = time.monotonic()

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
        self._stop_leaving()
        self._end()

    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        """Hear no signals any more."""
        self._stop_leaving()

    def _stop_leaving(self) -> None:
        if self._leaving is not None:
            self._leaving.must_stay()
            self._leaving.stop()
            self._leaving = None

    def _prospect(self, signum: int) -> str:
        """Say what becomes of the update in hand."""
        last = f"; the last one took {self._took:,.1f} s" if self._took else ""
        if signum == signal.SIGINT:
            last += "; once more to stop at once"
        elif signum == signal.SIGTERM and self._leaving is not None and self._leaving.can_leave:
            last += f"; it is left out if it takes more than {self._grace:g} s"
        return f"finishing this update and saving{last}"

    def _write(self, trainer: pl.Trainer, checkpoint: dict[str, Any]) -> None:
        trainer.strategy.save_checkpoint(checkpoint, self._path)
        _save_loggers(trainer)

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


def _save_loggers(trainer: pl.Trainer) -> None:
    for logger in trainer.loggers:
        logger.save()


def _before_the_next(trainer: pl.Trainer, module: pl.LightningModule) -> dict[str, Any]:
    """Return a checkpoint as of now that stays so until weights change: what forward passes change is copied."""
    checkpoint = checkpoint_of(trainer)
    state = checkpoint["state_dict"]
    state |= {name: state[name].clone() for name, _ in module.named_buffers() if name in state}
    return checkpoint
