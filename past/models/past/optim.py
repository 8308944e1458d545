"""AdamW with a learning rate of its own for the image encoder, and a schedule that leaves that ratio alone."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import Optimizer

from past.base.errors import ConfigError, require_number
from past.training.optim import Rate, WarmupCosine
from past.training.private import clippable
from past.training.steps import Length


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


def adamw(model: nn.Module, optim: Optim, length: Length) -> tuple[Optimizer, WarmupCosine]:
    """Build the optimiser and its per-update schedule over a training of this length."""
    groups = parameter_groups(model, optim)
    optimizer = clippable(torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas, fused=optim.fused))
    return optimizer, WarmupCosine(optimizer, optim, length)
