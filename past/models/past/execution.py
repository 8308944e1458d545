"""How the towers run, which changes speed and memory and no number: compiled, recomputed, channels last."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from past.base.errors import ConfigError
from past.nn.blocks import blocks, compile_blocks, recompute_blocks, refuse_batch_norm

TOWERS = ("image_encoder", "cell_encoder")


@dataclass(frozen=True)
class Execution:
    """What is done to which towers.

    Attributes:
        compile: towers whose blocks torch.compile compiles; it pays on a GPU.
        recompute: towers of which only what enters a block is kept for backward (activation checkpointing).
        channels_last: the image encoder's weights in the order that convolutions on a GPU want.
    """

    compile: Sequence[str] = ()
    recompute: Sequence[str] = ()
    channels_last: bool = False

    def __post_init__(self) -> None:
        for key in ("compile", "recompute"):
            for name in getattr(self, key):
                if name not in TOWERS:
                    raise ConfigError(f"module.execution.{key}={name}: a list of {' and '.join(TOWERS)}")

    def apply(self, model: nn.Module) -> None:
        """Arrange `model`'s towers, in place.

        Raises:
            ConfigError: a tower without repeated blocks, or one with batch norm that is to be recomputed.
        """
        for key, arrange in (("recompute", recompute_blocks), ("compile", compile_blocks)):
            for name in getattr(self, key):
                tower = model.get_submodule(name)
                if next(blocks(tower), None) is None:
                    kind = type(tower).__name__
                    raise ConfigError(f"module.execution.{key}: {name} ({kind}) has no repeated blocks; leave it out")
                if key == "recompute":
                    why = "its running statistics would be updated twice"
                    refuse_batch_norm(tower, f"module.execution.recompute={name}", why, f"leave {name} out")
                arrange(tower)
        if self.channels_last:
            model.get_submodule("image_encoder").to(memory_format=torch.channels_last)  # type: ignore[call-overload]
