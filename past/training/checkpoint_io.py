"""Lightning checkpoints: written whole or not at all, read without running code, the newest good one found."""

import logging
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.plugins.io import TorchCheckpointIO

from past.base.errors import CheckpointError
from past.base.files import atomic_file
from past.base.moved import with_states_of_today
from past.base.runs import what_to_give
from past.nn.weights import require_checksums

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
        CheckpointError: missing, cut off, damaged, or not a training checkpoint.
    """
    if not path.is_file():
        raise CheckpointError(f"{path}: no such checkpoint; give {what_to_give(path, 'ckpt=auto, or a .ckpt file')}")
    require_checksums(path)
    return _opened(path)


def _opened(path: Path) -> dict[str, Any]:
    """Open a checkpoint without reading its tensors yet."""
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
    """Return the run's checkpoint that is furthest in training and whole; None: it has none at all.

    What is broken is named in the log. Only those that are newer than the one returned are read whole.

    Raises:
        CheckpointError: there are checkpoints, and every one is broken.
    """
    steps: list[tuple[int, float, Path]] = []
    broken: list[str] = []

    def pass_over(path: Path, error: Exception) -> None:
        broken.append(path.name)
        log.warning("%s is passed over: %s", path.name, error)

    for path in sorted(directory.glob("*.ckpt")):
        try:
            steps.append((int(_opened(path)["global_step"]), path.stat().st_mtime, path))
        except (CheckpointError, KeyError, TypeError, ValueError, OverflowError) as error:
            pass_over(path, error)
    for _, _, path in sorted(steps, reverse=True):
        try:
            require_checksums(path)
        except CheckpointError as error:
            pass_over(path, error)
        else:
            return path
    if broken:
        raise CheckpointError(
            f"{directory}: nothing to go on from, {' and '.join(broken)} cannot be read: put a copy in place, "
            "or begin anew under another run_id"
        )
    return None
