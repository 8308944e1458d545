import numpy as np
import pytest
import torch
from torch import nn

from past.base.errors import ConfigError
from past.nn.colour import ColourGrid
from past.slides.frozen_encoder import FrozenEncoder, weights_hash

TILES = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)


class Linear(nn.Module):
    """A linear map of the mean colour, with dropout that evaluation leaves out."""

    precision = "fp16"

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.map, self.dropout = nn.Linear(3, 2), nn.Dropout(0.9)

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        return self.dropout(self.map(crops.float().mean((2, 3)) / 255))


def test_features_are_the_models_of_the_same_tiles() -> None:
    encoder = FrozenEncoder(Linear().train())
    expected = TILES.astype(np.float32).mean((1, 2)) / 255 @ encoder.model.map.weight.numpy().T  # type: ignore[union-attr,operator]
    np.testing.assert_allclose(encoder(TILES), expected + encoder.model.map.bias.numpy(), rtol=1e-5)  # type: ignore[union-attr,operator]
    assert not any(parameter.requires_grad for parameter in encoder.model.parameters())
    assert encoder.width(4) == 2


def test_half_precision_is_the_models_own_wish_and_comes_out_so() -> None:
    half = FrozenEncoder.of(Linear(), device="cpu")
    assert (half.precision, half(TILES).dtype) == ("fp16", np.float16)
    np.testing.assert_allclose(half(TILES), FrozenEncoder(Linear())(TILES), atol=2e-3)
    assert FrozenEncoder.of(ColourGrid(2), device="cpu").precision == "fp32"


def test_another_precision_is_refused() -> None:
    with pytest.raises(ConfigError, match="precision='fp8' is not known"):
        FrozenEncoder(Linear(), "fp8")  # type: ignore[arg-type]


def test_the_hash_follows_names_types_shapes_and_values() -> None:
    def hash_of(name: str, value: torch.Tensor) -> str:
        module = nn.Module()
        module.register_buffer(name, value)
        return weights_hash(module)

    ones = torch.ones(2, 3)
    others = [("a", ones * 2), ("b", ones), ("a", ones.double()), ("a", ones.view(3, 2))]
    assert hash_of("a", ones) == hash_of("a", torch.ones(3, 2).T)
    assert len({hash_of("a", ones), *(hash_of(*other) for other in others)}) == 5


def test_the_fingerprint_follows_weights_architecture_and_precision() -> None:
    prints = {
        FrozenEncoder(ColourGrid(2)).fingerprint,
        FrozenEncoder(ColourGrid(4)).fingerprint,  # another config; neither has a weight
        FrozenEncoder(ColourGrid(2), "fp16").fingerprint,
        FrozenEncoder(Linear()).fingerprint,
    }
    assert len(prints) == 4
    assert FrozenEncoder(ColourGrid(2)).fingerprint in prints
