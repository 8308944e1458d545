from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from past.base.errors import CheckpointError, ConfigError
from past.nn.colour import SCALES, ColourEncoder, ColourGrid, colour_distribution, optical_density, order_statistics
from past.nn.image_encoder import IMAGENET_MEAN, IMAGENET_STD, ImageEncoder

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


def test_order_statistics_run_from_the_least_to_the_greatest() -> None:
    x = torch.randperm(101, generator=torch.Generator().manual_seed(0)).float()
    assert order_statistics(x, 5).tolist() == [0, 25, 50, 75, 100]
    assert order_statistics(x.expand(2, 3, -1), 2).tolist() == [[[0, 100]] * 3] * 2


def test_optical_density_of_white_is_0_whatever_the_type() -> None:
    levels = torch.tensor([0, 127, 255], dtype=torch.uint8)
    torch.testing.assert_close(optical_density(levels), -torch.log10(torch.tensor([1.0, 128, 256]) / 256))
    torch.testing.assert_close(optical_density(levels), optical_density(levels / 255))


def test_the_distribution_is_numpys_of_means_and_deviations_of_blocks() -> None:
    x = crops(224)
    density = -np.log10((x.numpy().astype(np.float64) + 1) / 256)
    expected = []
    for side, what, kept in SCALES:
        n = 224 // side
        pixels = density.reshape(2, 3, n, side, n, side)
        if side == 16 and what == "deviation":  # of the means of 4 px, not of pixels
            pixels = density.reshape(2, 3, 56, 4, 56, 4).mean((3, 5)).reshape(2, 3, n, 4, n, 4)
        blocks = pixels.mean((3, 5)) if what == "mean" else pixels.std((3, 5))
        places = np.linspace(0, n * n - 1, kept).round().astype(int)
        expected.append(np.sort(blocks.reshape(2, 3, -1))[..., places].reshape(2, -1))
    found = colour_distribution(x)
    assert found.shape == (2, ColourEncoder().width)
    np.testing.assert_allclose(found.numpy(), np.concatenate(expected, axis=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("side", [224, 64])
def test_turns_and_flips_change_nothing_of_the_distribution(side: int) -> None:
    x = crops(side)
    for other in (x.flip(-1), x.flip(-2), x.rot90(1, (-2, -1)), x.transpose(-2, -1)):
        torch.testing.assert_close(colour_distribution(other), colour_distribution(x), rtol=1e-4, atol=1e-4)


def test_the_colour_encoder_standardises_by_the_crops_it_is_fitted_on() -> None:
    encoder = ColourEncoder()
    shades = torch.arange(40, 232, 12).view(-1, 1, 1, 1)
    training = (crops(224)[:1] * (shades / 255)).to(torch.uint8)
    encoder.fit(training.split(5))
    found = encoder(training)
    torch.testing.assert_close(found.mean(0), torch.zeros(encoder.width), atol=1e-3, rtol=0)
    varied = encoder.scale > 1e-3  # a statistic that hardly varies in training is kept quiet
    assert varied.sum() > 200
    torch.testing.assert_close(found.std(0)[varied], torch.ones(int(varied.sum())), atol=1e-3, rtol=0)
    assert found.std(0)[~varied].max() < 1
    assert list(encoder.parameters()) == []
    assert encoder(torch.zeros(1, 3, 32, 32, dtype=torch.uint8)).abs().max() <= ColourEncoder.LIMIT


def test_even_crops_do_not_divide_by_nothing() -> None:
    encoder = ColourEncoder()
    even = torch.full((3, 3, 16, 16), 0.7)
    encoder.fit([even])
    assert encoder(even).isfinite().all()


def test_the_grid_is_the_mean_of_its_fields() -> None:
    fields = crops().numpy().reshape(2, 3, 4, 8, 4, 8).mean((3, 5)) / 255
    expected = fields.transpose(0, 2, 3, 1).reshape(2, -1)
    for given in (crops(), crops() / 255):
        np.testing.assert_allclose(ColourGrid(4)(given).numpy(), expected, rtol=1e-5)
