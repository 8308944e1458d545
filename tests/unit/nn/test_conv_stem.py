import torch
from torch import nn

from past.nn.conv_stem import ConvStem


def stem() -> ConvStem:
    torch.manual_seed(0)
    return ConvStem(img_size=16, patch_size=4, in_chans=3, embed_dim=8, norm_layer=nn.LayerNorm, flatten=False).eval()


def test_a_token_for_each_4_pixels_channels_last() -> None:
    made = stem()
    assert made(torch.randn(2, 3, 16, 16)).shape == (2, 4, 4, 8)
    assert made.grid_size == (4, 4)


def test_tokens_are_normalised() -> None:
    tokens = stem()(torch.randn(2, 3, 16, 16))
    torch.testing.assert_close(tokens.mean(-1), torch.zeros(2, 4, 4), atol=1e-5, rtol=0)


def test_the_weights_are_ctranspaths() -> None:
    """Two convolutions of 3 × 3 and stride 2 without bias, each with batch norm, then one of 1 × 1."""
    shapes = {name: tuple(value.shape) for name, value in stem().named_parameters()}
    assert shapes == {
        "proj.0.weight": (1, 3, 3, 3),
        "proj.1.weight": (1,),
        "proj.1.bias": (1,),
        "proj.3.weight": (2, 1, 3, 3),
        "proj.4.weight": (2,),
        "proj.4.bias": (2,),
        "proj.6.weight": (8, 2, 1, 1),
        "proj.6.bias": (8,),
        "norm.weight": (8,),
        "norm.bias": (8,),
    }
