from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from safetensors.torch import save_file

from past.base.errors import CheckpointError, ConfigError
from past.nn.image_encoder import IMAGENET_MEAN, IMAGENET_STD, ImageEncoder

TINY = {"img_size": 32, "patch_size": 16, "embed_dim": 24, "depth": 1, "num_heads": 2}
VIT = "vit_tiny_patch16_224"
SMALL = {"embed_dim": 24, "depth": 2, "num_heads": 3, "img_size": 32}


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


def test_pools_crop_and_interpolation() -> None:
    crops = torch.rand(2, 3, 40, 40)
    both = ImageEncoder("vit_base_patch16_224", options=SMALL, pool="class_and_mean", size=48, crop=32).eval()
    assert both.width == 48
    assert both(crops).shape == (2, 48)
    plain = ImageEncoder("vit_base_patch16_224", options=SMALL).eval()
    plain.load_state_dict(both.state_dict())
    assert torch.allclose(both(crops)[:, :24], larger_and_cut(plain, crops), atol=1e-6)
    stage = ImageEncoder("resnet18", pool="stage3").eval()
    assert stage.width == 256
    assert stage(crops).shape == (2, 256)


def larger_and_cut(encoder: ImageEncoder, crops: torch.Tensor) -> torch.Tensor:
    larger = torch.nn.functional.interpolate(crops, size=(48, 48), mode="bilinear", antialias=True)
    return encoder(larger[..., 8:40, 8:40])
