"""Weight files: reading one without executing it, and loading one without leaving anything out."""

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from past.errors import CheckpointError

SHOWN = 4


def read_weights(path: str | Path, key: str | None = None) -> dict[str, torch.Tensor]:
    """Read a state dict onto the CPU: `.safetensors`, or a torch file, of which nothing but tensors is ever loaded.

    Args:
        path: the file.
        key: for a torch file whose state dict lies under a key; None: the file is the state dict itself.

    Raises:
        CheckpointError: no such file, broken, not weights only, or not a state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path}: no such weight file; give a .safetensors, .bin or .pth file")
    try:
        content = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: holds more than tensors and was not loaded, because such a file can run code: "
            "ask for a file of weights only, or save its state dict alone"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, zipfile.BadZipFile, OSError) as error:
        raise CheckpointError(f"{path}: not a weight file, or cut off ({error}); fetch it again") from error
    if key is not None:
        if not isinstance(content, dict) or key not in content:
            found = ", ".join(list(map(str, content))[:5]) if isinstance(content, dict) else type(content).__name__
            raise CheckpointError(f"{path}: no key {key!r} in it, found {found}: a checkpoint of another program?")
        content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, torch.Tensor) for value in content.values()):
        raise CheckpointError(f"{path}: not a state dict (names → tensors); save model.state_dict() alone")
    return content


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
