"""Lightning checkpoints: written whole or not at all, read without running code, the newest good one found."""

import logging
import zipfile
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from past.base.errors import CheckpointError
from past.base.files import atomic_file
from past.base.moved import with_states_of_today

log = logging.getLogger(__name__)


class AtomicCheckpointIO(TorchCheckpointIO):
    """Saves under a temporary name, flushes to disk, then renames; loads plain tensors and types only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None) -> None:
        """Write `checkpoint` to `path` atomically; a full disk leaves the previous file as it was."""
        with atomic_file(Path(path)) as file:
            torch.save(checkpoint, file)

    def load_checkpoint(
        self, path: str | Path, map_location: Any | None = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        """Read a checkpoint onto the CPU, never running code in it; raises CheckpointError where it cannot."""
        return read_checkpoint(Path(path))


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a training checkpoint onto the CPU, never running code in it.

    Raises:
        CheckpointError: missing, cut off, or not a training checkpoint.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; give ckpt=auto, or the path of a .ckpt file")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:
        raise CheckpointError(
            f"{path}: cannot be read as a checkpoint ({type(error).__name__}): cut off, or not one of ours; "
            "use another of the run's checkpoints"
        ) from error
    if not isinstance(checkpoint, dict) or "state_dict" not in checkpoint:
        raise CheckpointError(f"{path}: holds no training state: give a .ckpt file that train.py wrote")
    return with_states_of_today(checkpoint)


def newest_good_checkpoint(directory: Path) -> Path | None:
    """Return the run's checkpoint that is furthest in training and whole, or None; broken ones are named in the log."""
    good: list[tuple[int, float, Path]] = []
    for path in sorted(directory.glob("*.ckpt")):
        try:
            step = int(read_checkpoint(path)["global_step"])
        except (CheckpointError, KeyError, zipfile.BadZipFile) as error:
            log.warning("%s is passed over: %s", path.name, error)
            continue
        good.append((step, path.stat().st_mtime, path))
    return max(good)[2] if good else None
