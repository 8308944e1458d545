"""An image encoder as a benchmark uses it: frozen, in evaluation mode, at its authors' precision."""

import hashlib
import json
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import nn

from past.base.errors import ConfigError
from past.slides.features import SameInEveryFold

if TYPE_CHECKING:
    from past.slides.feature_cache import FeatureCache, TileChange
    from past.slides.tiles import PatchFile

Precision = Literal["fp32", "fp16"]


def weights_hash(model: nn.Module) -> str:
    """Return the SHA-256 over a module's parameters and buffers: their names, types, shapes and bytes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        plain = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {plain.dtype} {tuple(plain.shape)}\n".encode())
        digest.update(plain.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


class FrozenEncoder(SameInEveryFold):
    """(b, H, W, 3) uint8 tiles → (b, width) features.

    Args:
        model: (B, 3, H, W) uint8 → (B, width), its own transform within; its `config` says how it was built.
        precision: "fp32", or "fp16": under float16 autocast, the features float16 (as the HEST library keeps them).
        device: "cpu", "cuda", …; None: a GPU where there is one.
        normal_stain: it was trained on sections brought to one stain, and wants tiles so.
    """

    takes_recoloured_tiles = True

    def __init__(
        self,
        model: nn.Module,
        precision: Precision = "fp32",
        device: str | None = None,
        normal_stain: bool = False,
    ) -> None:
        if precision not in ("fp32", "fp16"):
            raise ConfigError(f"precision={precision!r} is not known: use 'fp32' or 'fp16'")
        self.device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.model = model.eval().requires_grad_(False).to(self.device)
        self.precision: Precision = precision
        self.dtype = np.dtype(np.float16 if precision == "fp16" else np.float32)
        self.normal_stain = normal_stain
        self.weights = weights_hash(model)

    @staticmethod
    def of(model: nn.Module, device: str | None = None) -> "FrozenEncoder":
        """Freeze a model at its own `precision`, fp32 where it names none."""
        return FrozenEncoder(model, getattr(model, "precision", "fp32"), device)

    @property
    def fingerprint(self) -> str:
        """Hash of all that moves the features of a tile: weights, architecture and transform, precision."""
        built = getattr(self.model, "config", {"class": type(self.model).__name__})
        facts = [self.weights, built, self.precision]
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()

    def features(
        self, task: str, sample: str, patches: "PatchFile", cache: "FeatureCache", change: "TileChange | None" = None
    ) -> np.ndarray:
        """Return (n, width) features of a sample's tiles, `change` done to them first; from the cache or made now."""
        return cache.features(self, patches, f"{task} {sample}", change)

    def width(self, px: int) -> int:
        """Return the number of features of a tile of `px` pixels a side."""
        return self(np.zeros((1, px, px, 3), np.uint8)).shape[1]

    @torch.inference_mode()
    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """Return (b, width) features of (b, H, W, 3) uint8 tiles, float32 or float16."""
        crops = torch.from_numpy(tiles).to(self.device).permute(0, 3, 1, 2)
        with torch.autocast(self.device.type, dtype=torch.float16, enabled=self.precision == "fp16"):
            features = self.model(crops)
        return features.float().cpu().numpy().astype(self.dtype)
