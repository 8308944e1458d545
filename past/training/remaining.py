"""How long a training will take, said once its pace is known; and what libraries say on every start, left out."""

import logging
import time
import warnings
from typing import Any, Final

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from past.training.private import is_accumulating
from past.training.steps import training_length

PACED: Final = 3  # updates after the first, which sets things up, from which the pace is taken
log = logging.getLogger(__name__)


class Remaining(Callback):
    """Says after the first updates when the training will end, by their pace; validations come on top."""

    def __init__(self) -> None:
        self._first, self._since, self._updates = 0, 0.0, 0

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note how many updates there will be."""
        self._first = trainer.global_step
        self._updates = training_length(trainer, getattr(pl_module, "batches_per_epoch", None)).updates

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Take the time after the first update, and the pace some updates later."""
        made = trainer.global_step - self._first
        if not trainer.is_global_zero or is_accumulating(trainer):
            return
        if made == 1:
            self._since = time.monotonic()
        elif made == 1 + PACED:
            pace = (time.monotonic() - self._since) / PACED
            left = self._updates - trainer.global_step
            log.info(
                "about %s for the %s updates that are left, at %.3g s each", in_words(left * pace), f"{left:,}", pace
            )


def in_words(seconds: float) -> str:
    """Return a time in the unit that a reader wants: "40 s", "12 min", "5.3 h", "2.1 days"."""
    for least, unit, name in ((2 * 86_400, 86_400, "days"), (2 * 3_600, 3_600, "h")):
        if seconds >= least:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def quiet_libraries() -> None:
    """Leave out what is no news to a user: Lightning's advertisements and lists of absent devices, and its own ageing.

    What `past.base.slurm.refuse_wrong_start` refuses in a sentence need not be hinted at either.
    """
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=r"The `srun` command is available on your system but is not used")
    warnings.filterwarnings("ignore", message=r"`isinstance\(treespec, LeafSpec\)` is deprecated")
