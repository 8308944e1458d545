"""A trained PAST's image tower as a frozen encoder; one for all folds, or one for each."""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from past.checkpoints.saved import Saved, load_model
from past.errors import CheckpointError, ConfigError
from past.inference.frozen_encoder import FrozenEncoder, Precision
from past.models.past import PASTModel

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


class PASTTower:
    """The image tower of a checkpoint.

    Args:
        checkpoint: a `.ckpt` of train.py, or a directory of `past import`; `{fold}` in it stands for the fold's number,
            for models trained without that fold's test patients.
        output: "image_encoder": what the encoder gives, before PAST's head; "joint": the embedding on the unit sphere.
        precision: as in FrozenEncoder.
        device: as in FrozenEncoder.
    """

    def __init__(
        self,
        checkpoint: str | Path,
        output: Literal["image_encoder", "joint"] = "image_encoder",
        precision: Precision = "fp32",
        device: str | None = None,
    ) -> None:
        if output not in ("image_encoder", "joint"):
            raise ConfigError(f"encoder.output={output!r} is not known: use 'image_encoder' or 'joint'")
        self.checkpoint = str(checkpoint)
        self.output = output
        self.precision: Precision = precision
        self.device = device
        self._open = lru_cache(maxsize=1)(self._read)

    def for_fold(self, fold: int) -> FrozenEncoder:
        """Return the tower for a fold.

        Raises:
            CheckpointError: no such checkpoint, or not PAST's.
        """
        return self._open(self.checkpoint.replace(FOLD, str(fold)))[0]

    def trained_on(self, fold: int) -> frozenset[str] | None:
        """Return the sections and patients that the fold's model was trained on; None: the checkpoint does not say."""
        known = self._open(self.checkpoint.replace(FOLD, str(fold)))[1].trained_on
        return frozenset(name for names in known.values() for name in names) if known else None

    def _read(self, path: str) -> tuple[FrozenEncoder, Saved]:
        saved = load_model(path)
        if not isinstance(saved.model, PASTModel):
            raise CheckpointError(f"{path}: holds a {type(saved.model).__name__}, not a PAST; give a PAST's checkpoint")
        tower = JointSpace(saved.model) if self.output == "joint" else saved.model.image_encoder
        return FrozenEncoder(tower, self.precision, self.device), saved  # type: ignore[arg-type]
