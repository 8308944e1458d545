"""Weight files: reading one without executing it, and loading one without leaving anything out."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from past.base.errors import CheckpointError

SHOWN = 4
# What programs put a state dict under; of a teacher and a student the teacher is the one that is released
WRAPPERS = ("state_dict", "model_state_dict", "model", "teacher", "student", "module", "net")


def read_torch(path: Path) -> dict[str, Any]:
    """Read a torch file's dictionary onto the CPU; nothing but tensors and plain values is ever loaded.

    Raises:
        CheckpointError: no such file, broken, not a dictionary, or one that would have to run code.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such weight file; give a .safetensors, .bin, .pth or .ckpt file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: not a weight file, or one that holds more than weights and could run code; it was not loaded: "
            "save its state dict alone"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: cannot be read ({error}): cut off, or not a weight file") from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds {type(content).__name__}, not a state dict; save model.state_dict()")
    return content


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict: `.safetensors`, or a torch file, in which it may lie under WRAPPERS, one in the other.

    Raises:
        CheckpointError: no such file, broken, or not a state dict (names → tensors).
    """
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(f"{path}: missing, cut off, or not a .safetensors file ({error})") from error
    state = content = read_torch(path)
    while not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        inside = next((state[key] for key in WRAPPERS if isinstance(state.get(key), dict)), None)
        if inside is None:
            raise CheckpointError(f"{path}: no state dict in it, but {', '.join(map(str, list(content)[:SHOWN]))}, …")
        state = inside
    return state


@dataclass(frozen=True)
class Fit:
    """How a state dict and a module fit together.

    Attributes:
        state: the module's names → tensors, where they fit.
        unused: names set aside because the program that wrote them never reads them.
        leftover: names that the module has no place for.
        missing: the module's names that nothing fills.
        reshaped: names whose shapes differ, with both shapes.
    """

    state: dict[str, torch.Tensor]
    leftover: list[str]
    missing: list[str]
    reshaped: list[str]
    unused: list[str] = field(default_factory=list)

    def raise_if_incomplete(self, source: str | Path) -> "Fit":
        """Return self where all fits.

        Raises:
            CheckpointError: names what in `source` is left over, missing, or of another shape.
        """
        problems = {"not known": self.leftover, "missing": self.missing, "of another shape": self.reshaped}
        said = [
            f"{len(names)} {what} ({', '.join(names[:SHOWN])}{', …' if len(names) > SHOWN else ''})"
            for what, names in problems.items()
            if names
        ]
        if said:
            raise CheckpointError(
                f"{source} does not fit this model: {'; '.join(said)}: choose the model it was made for"
            )
        return self


def check_fit(state: Mapping[str, torch.Tensor], module: nn.Module) -> Fit:
    """Compare names and shapes; loads nothing."""
    own = module.state_dict()
    return Fit(
        state={name: tensor for name, tensor in state.items() if name in own and tensor.shape == own[name].shape},
        leftover=[name for name in state if name not in own],
        missing=[name for name in own if name not in state],
        reshaped=[
            f"{name} {tuple(tensor.shape)} for {tuple(own[name].shape)}"
            for name, tensor in state.items()
            if name in own and tensor.shape != own[name].shape
        ],
    )


def load_strictly(module: nn.Module, state: Mapping[str, torch.Tensor], source: str | Path) -> None:
    """Copy `state` into `module`: every name consumed, every parameter and buffer filled, every shape equal.

    Raises:
        CheckpointError: names what does not fit.
    """
    module.load_state_dict(check_fit(state, module).raise_if_incomplete(source).state)
