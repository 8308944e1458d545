"""CTransPath's patch embedding (Wang et al. 2022): convolutions in place of Swin's one linear patch."""

from collections.abc import Callable

import torch
from torch import nn


class ConvStem(nn.Module):
    """(B, 3, H, W) → (B, H / 4, W / 4, embed_dim); stands where timm's Swin wants an `embed_layer`.

    Args:
        img_size: side of the crops, px.
        patch_size: 4.
        in_chans: 3.
        embed_dim: of the tokens.
        norm_layer: of the tokens.
        options: what timm gives beyond; nothing in it changes the result.
    """

    def __init__(
        self,
        img_size: int,
        patch_size: int,
        in_chans: int,
        embed_dim: int,
        norm_layer: Callable[[int], nn.Module],
        **options: object,
    ) -> None:
        super().__init__()
        self.img_size, self.patch_size = (img_size, img_size), (patch_size, patch_size)
        self.grid_size = (img_size // patch_size, img_size // patch_size)
        widths = (in_chans, embed_dim // 8, embed_dim // 4)
        layers: list[nn.Module] = []
        for i in (0, 1):
            layers.append(nn.Conv2d(widths[i], widths[i + 1], kernel_size=3, stride=2, padding=1, bias=False))
            layers += [nn.BatchNorm2d(widths[i + 1]), nn.ReLU()]
        self.proj = nn.Sequential(*layers, nn.Conv2d(widths[2], embed_dim, kernel_size=1))
        self.norm = norm_layer(embed_dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return tokens, channels last."""
        return self.norm(self.proj(x).permute(0, 2, 3, 1))
