"""AdamW with a learning rate of its own for the image encoder, and a schedule that leaves that ratio alone."""

import logging
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from past.base.errors import ConfigError, require_number
from past.training.private import clippable
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


@dataclass(frozen=True, kw_only=True)
class Optim(Rate):
    """Settings of AdamW and its schedule; the rates are those before the image encoder's factor.

    Attributes:
        image_encoder_factor: the image encoder's learning rate as a factor of every other's, at every update.
        weight_decay: of matrices; biases, norms and scalars have none unless `decay_all`.
        betas: AdamW's moments.
        decay_all: decay every parameter, as published.
        fused: update all parameters in one kernel.
    """

    image_encoder_factor: float = 0.1
    weight_decay: float = 2e-2
    betas: tuple[float, float] = (0.9, 0.95)
    decay_all: bool = False
    fused: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("image_encoder_factor", "weight_decay"):
            require_number(f"module.optim.{name}", getattr(self, name), least=0.0)
        if len(self.betas) != 2 or not all(0 <= beta < 1 for beta in self.betas):
            raise ConfigError(f"module.optim.betas={list(self.betas)}: give two numbers from 0 to below 1")


def parameter_groups(model: nn.Module, optim: Optim) -> list[dict[str, object]]:
    """Split trainable parameters by (image encoder or not) × (decayed or not); each group is named.

    Args:
        model: holds its image tower under the name `image_encoder`.
        optim: the settings.
    """
    groups: dict[str, dict[str, object]] = {}
    for name, parameter in model.named_parameters():
        if not parameter.requires_grad:
            continue
        tower = "image_encoder" if "image_encoder." in name else "rest"
        decays = optim.decay_all or parameter.ndim >= 2
        group = groups.setdefault(
            tower if decays else f"{tower}_no_decay",
            {
                "params": [],
                "lr": optim.lr * (optim.image_encoder_factor if tower == "image_encoder" else 1.0),
                "weight_decay": optim.weight_decay if decays else 0.0,
            },
        )
        group["params"].append(parameter)  # type: ignore[union-attr]
    return [{"name": name, **group} for name, group in groups.items()]


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


def adamw(model: nn.Module, optim: Optim, length: Length) -> tuple[Optimizer, WarmupCosine]:
    """Build the optimiser and its per-update schedule over a training of this length."""
    groups = parameter_groups(model, optim)
    optimizer = clippable(torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas, fused=optim.fused))
    return optimizer, WarmupCosine(optimizer, optim, length)
