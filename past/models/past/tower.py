"""A trained PAST as a frozen encoder; one for all folds, or one for each."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from past.base.errors import CheckpointError, ConfigError
from past.checkpoints.saved import Saved
from past.models import load_model
from past.models.past.model import PASTModel
from past.slides.encoder_files import checkpoint_in
from past.slides.frozen_encoder import FrozenEncoder, Precision

FOLD = "{fold}"


class JointSpace(nn.Module):
    """PAST's image side up to its unit sphere."""

    def __init__(self, model: PASTModel) -> None:
        super().__init__()
        self.model = model
        self.config = {"part": "JointSpace", "model": model.config}

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (B, dim) unit vectors of (B, 3, H, W) crops."""
        return self.model.encode_image(crops)


class PASTCheckpoint:
    """A checkpoint, read when a fold needs it.

    Args:
        path: a `.ckpt` of train.py, or a directory of `past import`; `{fold}` in it stands for the fold's number, for
            models trained without that fold's test patients.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = str(path)
        self.read = lru_cache(maxsize=1)(_read)

    def at(self, fold: int) -> str:
        """Return the path of a fold's checkpoint."""
        return self.path.replace(FOLD, str(fold))

    def for_fold(self, fold: int) -> tuple[PASTModel, Saved]:
        """Return a fold's model, in evaluation mode, and what came with it.

        Raises:
            CheckpointError: no such checkpoint, or not PAST's.
        """
        return self.read(self.at(fold))

    def trained_on(self, fold: int) -> frozenset[str] | None:
        """Return the sections and patients that the fold's model was trained on; None: the checkpoint does not say."""
        known = self.for_fold(fold)[1].trained_on
        return frozenset(name for names in known.values() for name in names) if known else None


def _read(path: str) -> tuple[PASTModel, Saved]:
    saved = load_model(path)
    if not isinstance(saved.model, PASTModel):
        raise CheckpointError(f"{path}: holds a {type(saved.model).__name__}, not a PAST; give a PAST's checkpoint")
    return saved.model, saved


def trained_past(path: Path, device: str | None = None) -> Saved:
    """Read a trained PAST, both towers, onto a device (None: a GPU where there is one).

    Args:
        path: a run's directory, a `.ckpt`, or a folder of `past import`.
        device: "cpu", "cuda", …

    Raises:
        CheckpointError: no such checkpoint, or not PAST's.
    """
    model, saved = _read(str(checkpoint_in(path)))
    model.requires_grad_(False).to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    return saved


class PASTTower:
    """The image tower of a checkpoint.

    Args:
        checkpoint: a `.ckpt` of train.py, or a directory of `past import`; `{fold}` in it stands for the fold's number.
        output: "image_encoder": what the encoder gives, before PAST's head; "joint": the embedding on the unit sphere.
        precision: "fp32", or "fp16": under float16 autocast, the features float16.
        device: "cpu", "cuda", …; None: a GPU where there is one.
    """

    takes_recoloured_tiles = True

    def __init__(
        self,
        checkpoint: str | Path,
        output: Literal["image_encoder", "joint"] = "image_encoder",
        precision: Precision = "fp32",
        device: str | None = None,
    ) -> None:
        if output not in ("image_encoder", "joint"):
            raise ConfigError(f"encoder.output={output!r} is not known: use 'image_encoder' or 'joint'")
        self.checkpoint = PASTCheckpoint(checkpoint)
        self._output, self._precision, self._device = output, precision, device
        self._frozen = lru_cache(maxsize=1)(self._freeze)

    def for_fold(self, fold: int) -> FrozenEncoder:
        """Return a fold's image tower, frozen; raises CheckpointError where there is no such PAST."""
        return self._frozen(self.checkpoint.at(fold))

    def fingerprint_of(self, fold: int) -> str:
        """Return the hash of all that moves the fold's features: weights, architecture and transform, precision."""
        return self.for_fold(fold).fingerprint

    def trained_on(self, fold: int) -> frozenset[str] | None:
        """Return the sections and patients that the fold's model was trained on; None: its checkpoint does not say."""
        return self.checkpoint.trained_on(fold)

    def _freeze(self, path: str) -> FrozenEncoder:
        model, saved = self.checkpoint.read(path)
        tower = JointSpace(model) if self._output == "joint" else model.image_encoder
        normal = bool(saved.crops.get("normalise_stain"))
        return FrozenEncoder(tower, self._precision, self._device, normal_stain=normal)  # type: ignore[arg-type]
