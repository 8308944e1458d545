"""The image tower: any timm backbone, with its input normalised on the device it runs on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
import torch.nn.functional as F
from huggingface_hub.errors import HfHubHTTPError
from timm import layers as timm_layers
from torch import nn

from past.errors import CheckpointError, ConfigError
from past.models.layers import Part
from past.models.weights import load_strictly, read_weights

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HUB = "hub"


def as_unit_range(crops: torch.Tensor) -> torch.Tensor:
    """Return crops as floats in [0, 1]: uint8 is divided by 255, floats are taken as they are."""
    return crops if crops.is_floating_point() else crops.float() / 255


class ImageEncoder(Part):
    """A timm model without its classifier: (B, 3, H, W) crops → (B, width).

    PAST's is `ImageEncoder("vit_large_patch16_224", weights=FILE, options={"img_size": 224, "init_values": 1e-5,
    "dynamic_img_size": True})` with UNI's weights.

    Args:
        name: any timm name, `hf-hub:owner/name` included.
        weights: None: random; "hub": timm's own, downloaded; else a local file (.safetensors, .bin, .pth).
        size: crops are resized to this many pixels; None: a transformer's own image size, else as they come.
        mean: of the RGB channels in [0, 1].
        std: of the RGB channels.
        options: further keywords of `timm.create_model`; `*_layer` may name a class of `timm.layers`.

    Raises:
        ConfigError: timm does not know the name or an option.
        CheckpointError: the weights cannot be had, or do not fit.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self,
        name: str,
        *,
        weights: str | Path | None = None,
        size: int | None = None,
        mean: Sequence[float] = IMAGENET_MEAN,
        std: Sequence[float] = IMAGENET_STD,
        options: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__()
        self.model = _create(name, weights == HUB, options or {})
        if weights not in (None, HUB):
            _load_backbone(self.model, Path(weights))
        self.config["weights"] = None  # a saved model brings its own
        own_size = getattr(getattr(self.model, "patch_embed", None), "img_size", None)
        self.size = size or (own_size[0] if own_size else None)
        self.width = _width(self.model)
        # Not in the state dict: they are settings, kept with the model's config.
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (B, width) features of (B, 3, H, W) crops, uint8 or float in [0, 1]."""
        x = as_unit_range(crops)
        if self.size is not None and x.shape[-2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size, self.size), mode="bilinear", antialias=True)
        return self.model((x - self.mean) / self.std)


def _create(name: str, pretrained: bool, options: Mapping[str, object]) -> nn.Module:
    keywords: dict[str, Any] = {
        key: getattr(timm_layers, value, value) if key.endswith("_layer") and isinstance(value, str) else value
        for key, value in options.items()
    }
    try:
        return timm.create_model(name, pretrained=pretrained, num_classes=0, **keywords)
    except (OSError, HfHubHTTPError) as error:
        raise CheckpointError(
            f"image_encoder.weights=hub: the weights of {name} could not be fetched ({type(error).__name__}): "
            "if it is gated, request access at huggingface.co and log in with 'hf auth login'; "
            "without a network, fetch the file elsewhere and give its path as image_encoder.weights=FILE"
        ) from error
    except (RuntimeError, TypeError) as error:
        raise ConfigError(f"image_encoder.name={name} with {dict(options)}: timm refuses it ({error})") from error


def _width(model: Any) -> int:
    return getattr(model, "head_hidden_size", model.num_features)


def _load_backbone(model: nn.Module, path: Path) -> None:
    heads = getattr(model, "pretrained_cfg", {}).get("classifier") or ()
    classifiers = tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads))
    state = {name: value for name, value in read_weights(path).items() if not name.startswith(classifiers)}
    load_strictly(model, state, path)
