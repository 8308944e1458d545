"""A learning rate over the updates of a training: linear rise, then cosine."""

import logging
import math
from dataclasses import dataclass
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from past.base.errors import ConfigError, require_number
from past.training.steps import Length

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A learning rate over the updates: linear rise, then cosine.

    Attributes:
        lr: peak learning rate.
        min_lr: learning rate at the end of the cosine; `lr` itself: none.
        warmup: share of all updates in which the rate rises linearly from 0 (PAST as published: 1 epoch of 20).
    """

    lr: float = 5e-4
    min_lr: float = 1e-6
    warmup: float = 0.05

    def __post_init__(self) -> None:
        require_number("module.optim.lr", self.lr, above=0.0)
        require_number("module.optim.min_lr", self.min_lr, least=0.0)
        if not 0 <= self.warmup < 1:
            raise ConfigError(f"module.optim.warmup={self.warmup}: a share of all updates; use 0 ≤ warmup < 1")
        if self.min_lr > self.lr:
            raise ConfigError(f"module.optim.min_lr={self.min_lr} is above module.optim.lr={self.lr}: lower it")


def warmup_cosine(update: int, total: int, optim: Rate) -> float:
    """Return the factor on every group's own peak rate at `update` of `total`: linear rise, then cosine to min_lr."""
    warmup = round(optim.warmup * total)
    if update < warmup:
        return (update + 1) / (warmup + 1)
    floor = optim.min_lr / optim.lr
    progress = min(1.0, (update - warmup) / max(1, total - warmup))
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * progress))


class WarmupCosine(LambdaLR):
    """`warmup_cosine` per update; an epoch of another length than before a resume (other ranks) keeps its place."""

    def __init__(self, optimizer: Optimizer, rate: Rate, length: Length) -> None:
        self.per_epoch = length.per_epoch
        super().__init__(optimizer, lambda update: warmup_cosine(update, length.updates, rate))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore, and scale the updates made where an epoch has more or fewer of them now."""
        now = self.per_epoch
        super().load_state_dict(state_dict)
        before, self.per_epoch = self.per_epoch, now
        if now and before and now != before:
            made, self.last_epoch = self.last_epoch, round(self.last_epoch * now / before)
            log.warning(
                "an epoch has %d updates, %d before: the learning rate goes on as after %d of the new, not %d updates",
                now, before, self.last_epoch, made,
            )  # fmt: skip
