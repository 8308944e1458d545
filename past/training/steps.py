"""How many optimiser updates a training will make."""

import math
from collections.abc import Callable
from typing import NamedTuple

import lightning.pytorch as pl

from past.base.errors import ConfigError


class Length(NamedTuple):
    """A training's updates in all, and those of one epoch where epochs are its bound (else None)."""

    updates: int
    per_epoch: int | None = None


def training_length(trainer: pl.Trainer, batches_per_epoch: Callable[[], int] | None) -> Length:
    """Return the number of updates by `max_steps` and `max_epochs`, whichever ends first.

    `trainer.estimated_stepping_batches` is not asked: it makes the loaders before a resume has restored them, and
    their positions are lost (Lightning issue 20550).

    Args:
        trainer: about to fit.
        batches_per_epoch: returns the batches of each rank in a whole epoch; asked where epochs are a bound.

    Raises:
        ConfigError: neither bound is given, or epochs of a length that nobody tells.
    """
    bounds = []
    if trainer.max_steps and trainer.max_steps > 0:
        bounds.append(Length(trainer.max_steps))
    if trainer.max_epochs and trainer.max_epochs > 0:
        if batches_per_epoch is None:
            raise ConfigError("trainer.max_epochs bounds a training of no known epoch: give trainer.max_steps")
        per_epoch = math.ceil(batches_per_epoch() / trainer.accumulate_grad_batches)
        bounds.append(Length(trainer.max_epochs * per_epoch, per_epoch))
    if not bounds:
        raise ConfigError("trainer.max_epochs and trainer.max_steps are both open: the schedule needs an end, give one")
    return min(bounds, key=lambda bound: bound.updates)
