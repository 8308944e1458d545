from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from past.errors import CheckpointError, ConfigError
from past.models.colour import ColourEncoder, ColourStatistics
from past.models.image_encoder import IMAGENET_MEAN, IMAGENET_STD, ImageEncoder

TINY = {"img_size": 32, "patch_size": 16, "embed_dim": 24, "depth": 1, "num_heads": 2}
VIT = "vit_tiny_patch16_224"


def crops(size: int = 32) -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_crops_are_normalised_on_the_way_in() -> None:
    encoder = ImageEncoder(VIT, options=TINY).eval()
    mean, std = torch.tensor(IMAGENET_MEAN).view(3, 1, 1), torch.tensor(IMAGENET_STD).view(3, 1, 1)
    expected = encoder.model((crops() / 255 - mean) / std)
    torch.testing.assert_close(encoder(crops()), expected)
    torch.testing.assert_close(encoder(crops() / 255), expected)
    assert expected.shape == (2, encoder.width)


def test_crops_are_resized_to_the_transformers_own_size() -> None:
    encoder = ImageEncoder(VIT, options=TINY).eval()
    even = torch.full((1, 3, 50, 50), 200, dtype=torch.uint8)
    torch.testing.assert_close(encoder(even), encoder(even[..., :32, :32]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv3_small_050"])
def test_convolutions_take_crops_as_they_come(name: str) -> None:
    encoder = ImageEncoder(name).eval()
    assert encoder.size is None
    assert encoder(crops(40)).shape == (2, encoder.width)
    assert ImageEncoder(name, size=64).size == 64


def test_an_option_may_name_a_layer_of_timm() -> None:
    encoder = ImageEncoder(VIT, options=TINY | {"mlp_layer": "SwiGLUPacked", "act_layer": "silu"})
    assert any(isinstance(layer, timm.layers.GluMlp) for layer in encoder.modules())


@pytest.mark.parametrize("suffix", ["bin", "safetensors"])
def test_a_local_file_is_loaded_whole_and_its_classifier_left_out(suffix: str, tmp_path: Path) -> None:
    state = timm.create_model(VIT, num_classes=5, **TINY).state_dict()
    path = tmp_path / f"weights.{suffix}"
    save_file(state, path) if suffix == "safetensors" else torch.save(state, path)
    encoder = ImageEncoder(VIT, weights=path, options=TINY)
    assert torch.equal(encoder.model.state_dict()["pos_embed"], state["pos_embed"])
    assert encoder.config["weights"] is None


def test_a_file_for_another_model_is_refused(tmp_path: Path) -> None:
    torch.save(timm.create_model(VIT, num_classes=0, **TINY).state_dict(), tmp_path / "tiny.pth")
    with pytest.raises(CheckpointError, match=r"tiny\.pth does not fit this model: .* of another shape"):
        ImageEncoder(VIT, weights=tmp_path / "tiny.pth", options=TINY | {"embed_dim": 48})
    with pytest.raises(CheckpointError, match="no such weight file"):
        ImageEncoder(VIT, weights=tmp_path / "none.pth", options=TINY)


def test_without_the_hub_the_cure_is_a_local_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match=r"request access .* image_encoder\.weights=FILE"):
        ImageEncoder("hf-hub:MahmoodLab/UNI", weights="hub")


def test_what_timm_refuses_is_named() -> None:
    with pytest.raises(ConfigError, match=r"image_encoder\.name=vit_of_nobody"):
        ImageEncoder("vit_of_nobody")
    with pytest.raises(ConfigError, match="wings"):
        ImageEncoder(VIT, options={"wings": 2})


@pytest.mark.parametrize("space", ["rgb", "optical_density"])
def test_colour_statistics_are_numpys_field_by_field(space: str) -> None:
    found = ColourStatistics(4, space)(crops())  # type: ignore[arg-type]
    x = crops().numpy().astype(np.float64) / 255
    if space == "optical_density":
        x = -np.log10(np.maximum(x, 1 / 255))
    fields = x.reshape(2, 3, 4, 8, 4, 8)
    expected = np.concatenate([fields.mean((3, 5)), fields.std((3, 5))], axis=1).reshape(2, -1)
    assert found.shape == (2, 96)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_even_fields_have_no_deviation() -> None:
    even = torch.full((1, 3, 16, 16), 0.7)
    statistics = ColourStatistics(2)(even)
    assert statistics[0, 12:].abs().max() < 1e-3
    torch.testing.assert_close(statistics[0, :12], torch.full((12,), 0.7))


def test_the_colour_encoder_standardises_with_what_it_is_given() -> None:
    torch.manual_seed(0)
    encoder = ColourEncoder(width=5, grid=2, hidden=7).eval()
    statistics = encoder.statistics(crops())
    plain = encoder(crops())
    encoder.standardise(statistics.mean(0), statistics.std(0))
    expected = encoder.mlp((statistics - statistics.mean(0)) / statistics.std(0))
    torch.testing.assert_close(encoder(crops()), expected)
    assert not torch.allclose(plain, expected)
    with pytest.raises(ConfigError, match="space='hsv'"):
        ColourEncoder(space="hsv")  # type: ignore[arg-type]
