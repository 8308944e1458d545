"""How many optimiser updates a training will make."""

import math

import lightning.pytorch as pl

from past.errors import ConfigError


def total_updates(trainer: pl.Trainer) -> int:
    """Return the number of updates by `max_steps` and `max_epochs`, whichever ends first.

    Asks the data module and not `trainer.estimated_stepping_batches`: that makes the loaders before a resume has
    restored them, and their positions are lost (Lightning issue 20550).

    Raises:
        ConfigError: neither bound is given.
    """
    bounds = []
    if trainer.max_steps and trainer.max_steps > 0:
        bounds.append(trainer.max_steps)
    if trainer.max_epochs and trainer.max_epochs > 0:
        batches = trainer.datamodule.batches_per_epoch  # type: ignore[attr-defined]
        bounds.append(trainer.max_epochs * math.ceil(batches / trainer.accumulate_grad_batches))
    if not bounds:
        raise ConfigError("trainer.max_epochs and trainer.max_steps are both open: the schedule needs an end, give one")
    return min(bounds)
