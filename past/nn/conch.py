"""CONCH's image tower (Lu et al. 2024): a ViT whose tokens one learned query pools."""

from pathlib import Path
from typing import cast

import timm
import torch
import torch.nn.functional as F
from timm.models.vision_transformer import VisionTransformer
from torch import nn

from past.nn.image_encoder import as_unit_range
from past.nn.layers import Part
from past.nn.released_weights import find_weights, read_released
from past.nn.weights import load_strictly

MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
TOWER = "visual."
# Of the tower: captions and the projection that text is compared in.
UNUSED = ("attn_pool_caption.", "ln_caption.", "proj_contrast")


class QueryPool(nn.Module):
    """(B, L, width) → (B, dim): attention of one learned query over the tokens, each side normalised first."""

    def __init__(self, dim: int, width: int, heads: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, dim))
        self.attn = nn.MultiheadAttention(dim, heads, kdim=width, vdim=width, batch_first=True)
        self.ln_q = nn.LayerNorm(dim)
        self.ln_k = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return (B, dim)."""
        keys = self.ln_k(tokens)
        query = self.ln_q(self.query).expand(len(tokens), 1, -1)
        return self.attn(query, keys, keys, need_weights=False)[0][:, 0]


class CONCHEncoder(Part):
    """(B, 3, H, W) crops → (B, 512), before the projection that text is compared in, as HEST-Bench uses it.

    Args:
        weights: None: random; else the released file, of which the image tower is read.
        hub: repository of the Hugging Face hub, for a file of that name where `weights` is not there.
        size: crops are resized to this many pixels.
        dim: of the result.

    Raises:
        CheckpointError: the weights cannot be had, or do not fit.
    """

    alone_as = "image_encoder"
    fetched = ("weights", "hub")
    mean: torch.Tensor
    std: torch.Tensor

    def __init__(
        self, weights: str | Path | None = None, hub: str | None = None, size: int = 448, dim: int = 512
    ) -> None:
        super().__init__()
        trunk = timm.create_model("vit_base_patch16_224", img_size=size, num_classes=0, global_pool="")
        self.trunk = cast(VisionTransformer, trunk)
        self.attn_pool_contrast = QueryPool(dim, self.trunk.num_features, heads=8)
        self.ln_contrast = nn.LayerNorm(dim)
        if weights is not None:
            path = find_weights(Path(weights), hub)
            tower = {
                name.removeprefix(TOWER): value for name, value in read_released(path).items() if name.startswith(TOWER)
            }
            kept = {name: value for name, value in tower.items() if not name.startswith(UNUSED)}
            load_strictly(self, kept, path)
        self.width, self.size = dim, size
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        """Return (B, 512) features of (B, 3, H, W) crops, uint8 or float in [0, 1]."""
        x = as_unit_range(crops)
        if x.shape[-2:] != (self.size, self.size):
            x = F.interpolate(x, size=(self.size, self.size), mode="bicubic", antialias=True).clamp(0, 1)
        tokens = self.trunk.forward_features((x - self.mean) / self.std)
        return self.ln_contrast(self.attn_pool_contrast(tokens))
