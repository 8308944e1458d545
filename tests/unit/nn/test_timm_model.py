"""What timm builds of plain words: an architecture and its options, and nothing is fetched or read for them."""

import json
import socket
from pathlib import Path

import huggingface_hub.constants
import pytest
import timm
import torch
from timm.layers import GluMlp

from past.base.errors import CheckpointError, ConfigError
from past.nn.conv_stem import ConvStem
from past.nn.timm_model import create_timm

VIT = "vit_tiny_patch16_224"
TINY = {"img_size": 32, "patch_size": 16, "embed_dim": 24, "depth": 1, "num_heads": 2}


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No network, and an empty cache of the hub."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(socket.socket, "connect", lambda *address: pytest.fail(f"connects to {address}"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("checkpoint_path", "evil.pth"),
        ("pretrained_cfg", {"file": "evil.pth"}),
        ("pretrained_cfg_overlay", {"url": "http://localhost/evil.pth"}),
        ("cache_dir", "somewhere"),
        ("pretrained", True),
        ("pretrained_custom_load", True),
        ("features_only", True),
        ("wings", 2),
    ],
)
def test_what_is_no_option_of_an_architecture_is_not_passed_on(
    key: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timm, "create_model", lambda *a, **b: pytest.fail("timm was asked"))
    with pytest.raises(ConfigError, match=rf"^image_encoder\.options\.{key}: no option of an architecture"):
        create_timm(VIT, False, {**TINY, key: value})


@pytest.mark.parametrize(
    "name", ["local-dir:model", "hf_hub:a/b", "a/b", "/etc/passwd", "http://localhost/a", "", "a:b"]
)
def test_a_name_that_is_a_place_is_none_of_timms(name: str) -> None:
    with pytest.raises(ConfigError, match=r"image_encoder\.name=.*: give a model of timm's, or hf-hub:owner/name"):
        create_timm(name, False, {})


def test_a_word_names_a_module_of_timms_layers_or_ours_and_nothing_else() -> None:
    model, _ = create_timm(VIT, False, {**TINY, "mlp_layer": "SwiGLUPacked", "act_layer": "silu"})
    assert any(isinstance(layer, GluMlp) for layer in model.modules())
    swin = {"img_size": 64, "embed_dim": 24, "depths": [1], "num_heads": [2], "window_size": 4}
    model, _ = create_timm("swin_tiny_patch4_window7_224", False, {**swin, "embed_layer": "ConvStem"})
    assert any(isinstance(layer, ConvStem) for layer in model.modules())
    with pytest.raises(ConfigError, match="timm refuses it"):
        create_timm(VIT, False, {**TINY, "mlp_layer": "set_layer_config"})


def test_a_model_of_the_hub_is_described_so_that_it_is_built_again_without_the_hub(tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "models--owner--tiny"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "snapshots" / ("0" * 40)).mkdir(parents=True)
    sizes = {key: value for key, value in TINY.items() if key != "img_size"}
    about = {
        "architecture": VIT, "num_classes": 3, "model_args": {**sizes, "num_classes": 3},
        "pretrained_cfg": {"fixed_input_size": True, "input_size": [3, 32, 32]},
    }  # fmt: skip
    (folder / "snapshots" / ("0" * 40) / "config.json").write_text(json.dumps(about))
    model, plain = create_timm("hf-hub:owner/tiny", False, {"depth": 2})
    assert plain == {"name": VIT, "options": {**TINY, "depth": 2}}
    again, nothing = create_timm(plain["name"], False, plain["options"])  # type: ignore[arg-type]
    assert nothing == {}
    again.load_state_dict(model.state_dict())
    crops = torch.rand(2, 3, 32, 32)
    assert torch.equal(again.eval()(crops), model.eval()(crops))
    with pytest.raises(CheckpointError, match=r"hf-hub:owner/other: the hub's weights or description could not be had"):
        create_timm("hf-hub:owner/other", False, {})
