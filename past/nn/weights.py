"""Weight files: reading one without executing it, and loading one without leaving anything out."""

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from past.base.errors import CheckpointError, reading
from past.base.runs import what_to_give

SHOWN = 4
# What programs put a state dict under; of a teacher and a student the teacher is the one that is released
WRAPPERS = ("state_dict", "model_state_dict", "model", "teacher", "student", "module", "net")
STARTS = (b"PK", b"\x80")  # of a zip, and of the pickles of before torch 1.6
PIECE = 1 << 20  # bytes that are checked at a time


def require_checksums(path: Path) -> None:
    """Compare every member of a torch file with the checksum that torch wrote beside it; torch itself does not.

    The file is read once more for it, at about 1 GB/s, and once a process as long as it stays the same. What carries
    no checksums (files of before torch 1.6, or saved without) is passed over.

    Raises:
        CheckpointError: damaged; names the first member that is.
    """
    about = path.stat()
    _compared(path, about.st_ino, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=64)
def _compared(path: Path, inode: int, size: int, changed: int) -> None:
    """Compare a version of a file; see `require_checksums`."""
    with path.open("rb") as file:
        if file.read(2) != STARTS[0]:
            return
    cure = "use another checkpoint of the run, or another copy"
    with reading(path, "damaged", cure, CheckpointError), zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if member.CRC]  # 0: saved without checksums
        if sum(member.file_size for member in members) > size:
            raise CheckpointError(f"{path}: damaged (its members are larger than it): {cure}")
        for member in members:
            with archive.open(member) as file:
                while file.read(PIECE):
                    pass


def read_torch(path: Path) -> dict[str, Any]:
    """Read a torch file's dictionary onto the CPU; nothing but tensors and plain values is ever loaded.

    Raises:
        CheckpointError: no such file, damaged, not a dictionary, or one that would have to run code.
    """
    if not path.is_file():
        there = what_to_give(path, "a .safetensors, .bin, .pth or .ckpt file")
        raise CheckpointError(f"{path}: no such weight file; give {there}")
    require_checksums(path)
    with path.open("rb") as file:
        if not file.read(2).startswith(STARTS):  # torch would try it as an archive that it unpacks to disk
            raise CheckpointError(f"{path}: cannot be read: cut off, or not a weight file")
    with reading(path, "cannot be read", "cut off, or not a weight file", CheckpointError):
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            raise CheckpointError(
                f"{path}: not a weight file, or one that holds more than weights and could run code; it was not "
                "loaded: save its state dict alone"
            ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds {type(content).__name__}, not a state dict; save model.state_dict()")
    return content


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read a state dict: `.safetensors`, or a torch file, in which it may lie under WRAPPERS, one in the other.

    Raises:
        CheckpointError: no such file, broken, or not a state dict (names → tensors).
    """
    if path.suffix == ".safetensors":
        with reading(path, "missing, cut off, or not a .safetensors file", "copy it again", CheckpointError):
            return load_file(path)
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
        broken: names of parameters that are not finite throughout, and of buffers with a NaN (masks hold infinity).
    """

    state: dict[str, torch.Tensor]
    leftover: list[str]
    missing: list[str]
    reshaped: list[str]
    broken: list[str]
    unused: list[str] = field(default_factory=list)

    def raise_if_incomplete(self, source: str | Path) -> "Fit":
        """Return self where all fits.

        Raises:
            CheckpointError: names what in `source` is left over, missing, of another shape, or no number.
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
        if self.broken:
            raise CheckpointError(
                f"{source}: {', '.join(self.broken[:SHOWN])} holds what is no finite number: copy the file again, or "
                "take an earlier checkpoint"
            )
        return self


def check_fit(state: Mapping[str, torch.Tensor], module: nn.Module) -> Fit:
    """Compare names and shapes; loads nothing."""
    own = module.state_dict()
    learned = {name for name, _ in module.named_parameters()}
    fitting = {name: tensor for name, tensor in state.items() if name in own and tensor.shape == own[name].shape}
    return Fit(
        state=fitting,
        leftover=[name for name in state if name not in own],
        missing=[name for name in own if name not in state],
        reshaped=[
            f"{name} {tuple(tensor.shape)} for {tuple(own[name].shape)}"
            for name, tensor in state.items()
            if name in own and tensor.shape != own[name].shape
        ],
        broken=[
            name
            for name, tensor in fitting.items()
            if tensor.is_floating_point()
            and not tensor.is_meta
            and not (tensor.isfinite() if name in learned else ~tensor.isnan()).all()
        ],
    )


def load_strictly(module: nn.Module, state: Mapping[str, torch.Tensor], source: str | Path) -> None:
    """Copy `state` into `module`: every name consumed, every parameter and buffer filled, every shape equal.

    Raises:
        CheckpointError: names what does not fit, or is no number.
    """
    module.load_state_dict(check_fit(state, module).raise_if_incomplete(source).state)
