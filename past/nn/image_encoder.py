"""The image tower: any timm backbone, with its input normalised on the device it runs on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.transforms.functional import center_crop

from past.base.errors import ConfigError
from past.nn.layers import Part
from past.nn.released_weights import find_weights, read_released, to_timm_names
from past.nn.timm_model import create_timm
from past.nn.weights import load_strictly

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HUB = "hub"
POOLS = ("model", "class_and_mean", "stage3")
INTERPOLATIONS = ("bilinear", "bicubic")


def as_unit_range(crops: torch.Tensor) -> torch.Tensor:
    """Return crops as floats in [0, 1]: uint8 is divided by 255, floats are taken as they are."""
    return crops if crops.is_floating_point() else crops.float() / 255


class ImageEncoder(Part):
    """A timm model without its classifier: (B, 3, H, W) crops → (B, width).

    PAST's is `ImageEncoder("vit_large_patch16_224", weights=FILE, options={"img_size": 224, "init_values": 1e-5,
    "dynamic_img_size": True})` with UNI's weights.

    Args:
        name: any timm name, `hf-hub:owner/name` included.
        weights: None: random; "hub": timm's own, downloaded; else a local file (.safetensors, .bin, .pth), its names
            timm's, transformers' or CTransPath's.
        hub: repository of the Hugging Face hub, for a file of that name where `weights` is not there.
        size: crops are resized to this many pixels; None: a transformer's own image size, else as they come.
        interpolation: of the resizing, "bilinear" or "bicubic".
        crop: side of the centre that is kept after resizing; None: all.
        mean: of the RGB channels in [0, 1].
        std: of the RGB channels.
        pool: "model": timm's own, usually the class token; "class_and_mean": the class token beside the mean of the
            patches' (twice the width); "stage3": the mean of a ResNet's third stage.
        precision: "fp32" or "fp16", in which frozen features are made; training has its trainer's.
        options: of the architecture; see `past.nn.timm_model.OPTIONS`.

    Raises:
        ConfigError: timm does not know the name, or an option is none of an architecture.
        CheckpointError: the weights cannot be had, or do not fit.
    """

    alone_as = "image_encoder"
    fetched = ("weights", "hub")
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        name: str,
        *,
        weights: str | Path | None = None,
        hub: str | None = None,
        size: int | None = None,
        interpolation: Literal["bilinear", "bicubic"] = "bilinear",
        crop: int | None = None,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        pool: Literal["model", "class_and_mean", "stage3"] = "model",
        precision: Literal["fp32", "fp16"] = "fp32",
        options: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__()
        for key, value, known in (("pool", pool, POOLS), ("interpolation", interpolation, INTERPOLATIONS)):
            if value not in known:
                raise ConfigError(f"image_encoder.{key}={value}: use one of {', '.join(known)}")
        self.model, plain = create_timm(name, weights == HUB, options or {})
        self.config |= plain
        if weights not in (None, HUB):
            _load_backbone(self.model, find_weights(Path(weights), hub))
        own_size = getattr(getattr(self.model, "patch_embed", None), "img_size", None)
        self.size = size or (own_size[0] if own_size else None)
        self.interpolation, self.crop, self.pool, self.precision = interpolation, crop, pool, precision
        self.width = _width(self.model, pool)
        # Not in the state dict: they are settings, kept with the model's config.
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (B, width) features of (B, 3, H, W) crops, uint8 or float in [0, 1]."""
        x = as_unit_range(crops)
        if self.size is not None and x.shape[-2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size, self.size), mode=self.interpolation, antialias=True).clamp(0, 1)
        if self.crop is not None:
            x = center_crop(x, [self.crop, self.crop])
        return self._pooled((x - self.mean) / self.std)

    def _pooled(self, x: torch.Tensor) -> torch.Tensor:
        if self.pool == "class_and_mean":
            tokens = self.model.forward_features(x)  # type: ignore[operator]
            return torch.cat([tokens[:, 0], tokens[:, self.model.num_prefix_tokens :].mean(dim=1)], dim=1)  # type: ignore[misc]
        if self.pool == "stage3":
            stages = self.model.forward_intermediates(x, indices=[3], intermediates_only=True)  # type: ignore[operator]
            return stages[0].mean(dim=(2, 3))
        return self.model(x)


def _width(model: Any, pool: str) -> int:
    if pool == "stage3":
        return model.feature_info[3]["num_chs"]
    return getattr(model, "head_hidden_size", model.num_features) * (2 if pool == "class_and_mean" else 1)


def _load_backbone(model: nn.Module, path: Path) -> None:
    heads = getattr(model, "pretrained_cfg", {}).get("classifier") or ()
    classifiers = tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads))
    state = to_timm_names(read_released(path))
    load_strictly(model, {name: value for name, value in state.items() if not name.startswith(classifiers)}, path)
