"""Released encoders' weight files: under other programs' names, here or on the hub."""

from collections.abc import Callable
from pathlib import Path

import huggingface_hub.errors
import pytest
import torch

from past.base.errors import CheckpointError
from past.nn.image_encoder import ImageEncoder
from past.nn.released_weights import find_weights, read_released, to_timm_names

VIT = {"embed_dim": 24, "depth": 2, "num_heads": 3, "img_size": 32}
REGISTERS = VIT | {"patch_size": 16, "mlp_layer": "SwiGLUPacked", "act_layer": "silu", "init_values": 1e-5}
SWIN = {"embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "img_size": 56, "embed_layer": "ConvStem"}
CROPS = torch.rand(2, 3, 32, 32)


def as_transformers_wrote(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A timm ViT's weights under the names of transformers' Dinov2WithRegisters, training's leftovers with them."""
    written: dict[str, torch.Tensor] = {
        "embeddings.mask_token": torch.zeros(1, 24),
        "embeddings.cls_token": state["cls_token"] - 0.5,
        "embeddings.register_tokens": state["reg_token"],
        "embeddings.position_embeddings": torch.cat([torch.full((1, 1, 24), 0.5), state["pos_embed"]], dim=1),
    }
    for name, tensor in state.items():
        if name.startswith("patch_embed."):
            written[name.replace("patch_embed.proj", "embeddings.patch_embeddings.projection")] = tensor
        elif name.startswith("norm."):
            written[f"layer{name}"] = tensor
        elif name.startswith("blocks."):
            layer, rest = name.removeprefix("blocks.").split(".", 1)
            if rest.startswith("attn.qkv."):
                for part, piece in zip(("query", "key", "value"), tensor.chunk(3), strict=True):
                    written[f"encoder.layer.{layer}.attention.attention.{part}.{rest[9:]}"] = piece
                continue
            for ours, theirs in (
                ("attn.proj", "attention.output.dense"),
                ("mlp.fc1", "mlp.weights_in"),
                ("mlp.fc2", "mlp.weights_out"),
                ("ls1.gamma", "layer_scale1.lambda1"),
                ("ls2.gamma", "layer_scale2.lambda1"),
            ):
                rest = rest.replace(ours, theirs)
            written[f"encoder.layer.{layer}.{rest}"] = tensor
    return written


def test_transformers_names_give_the_same_features(tmp_path: Path) -> None:
    name = "vit_base_patch14_reg4_dinov2"
    encoder = ImageEncoder(name, options=REGISTERS).eval()
    for parameter in encoder.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    written = as_transformers_wrote(encoder.model.state_dict())
    assert not set(written) & set(encoder.model.state_dict())
    torch.save(written, tmp_path / "model.bin")
    loaded = ImageEncoder(name, weights=tmp_path / "model.bin", options=REGISTERS).eval()
    assert torch.allclose(loaded(CROPS), encoder(CROPS), atol=1e-6)


def test_the_swin_of_timm_0_5_gives_the_same_features(tmp_path: Path) -> None:
    encoder = ImageEncoder("swin_tiny_patch4_window7_224", options=SWIN).eval()
    state = encoder.model.state_dict()
    written = {name.replace("layers.1.downsample", "layers.0.downsample"): value for name, value in state.items()}
    written |= {"layers.0.blocks.1.attn_mask": torch.zeros(4, 49, 49), "head.weight": torch.zeros(3, 32)}
    torch.save({"model": written}, tmp_path / "old.pth")
    loaded = ImageEncoder("swin_tiny_patch4_window7_224", weights=tmp_path / "old.pth", options=SWIN).eval()
    crops = torch.rand(2, 3, 56, 56)
    assert torch.equal(loaded(crops), encoder(crops))
    assert encoder.model.patch_embed(crops).shape == (2, 14, 14, 16)  # type: ignore[operator]
    assert to_timm_names(state).keys() == state.keys()


def test_a_missing_file_is_fetched_or_the_cure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = tmp_path / "there.bin"
    there.write_bytes(b"")
    assert find_weights(there, "owner/name") == there
    monkeypatch.setattr("past.nn.released_weights.hf_hub_download", lambda hub, file: f"/hub/{hub}/{file}")
    assert find_weights(tmp_path / "model.bin", "owner/name") == Path("/hub/owner/name/model.bin")

    def gated(hub: str, file: str) -> str:
        raise huggingface_hub.errors.LocalEntryNotFoundError("offline")

    monkeypatch.setattr("past.nn.released_weights.hf_hub_download", gated)
    with pytest.raises(CheckpointError, match=r"huggingface.co/owner/name cannot be read.*or put its model.bin at"):
        find_weights(tmp_path / "model.bin", "owner/name")
    with pytest.raises(CheckpointError, match="no such weight file"):
        ImageEncoder("vit_base_patch16_224", options=VIT, weights=tmp_path / "model.bin")


@pytest.mark.parametrize(
    ("wrap", "prefix"),
    [
        (lambda state: {"state_dict": prefixed(state, "module.")}, "module."),
        (lambda state: {"teacher": prefixed(state, "backbone.") | HEAD, "student": {}, "epoch": 3}, "backbone."),
        (lambda state: {"model": state, "optimizer": {"lr": 0.1}}, ""),
        (lambda state: {"student": prefixed(state, "module.backbone.")}, "module.backbone."),
        (lambda state: {"model": {"teacher": prefixed(state, "_orig_mod.")}}, "_orig_mod."),
        (lambda state: {"state_dict": prefixed(state, "model.encoder.")}, "model.encoder."),
    ],
)
def test_what_training_programs_wrap_weights_in_is_taken_off_and_said(
    tmp_path: Path, wrap: Callable[[dict], dict], prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = ImageEncoder("vit_base_patch16_224", options=VIT).eval()
    torch.save(wrap(encoder.model.state_dict()), tmp_path / "w.pth")
    loaded = ImageEncoder("vit_base_patch16_224", weights=tmp_path / "w.pth", options=VIT).eval()
    assert torch.equal(loaded(CROPS), encoder(CROPS))
    assert [f"begins with '{prefix}', which is taken off" in record.getMessage() for record in caplog.records[:1]] == (
        [True] if prefix else []
    )
    assert ("1 weights of training heads (dino_head.mlp.weight, …) are left out" in caplog.text) == (
        prefix == "backbone."
    )


HEAD = {"dino_head.mlp.weight": torch.zeros(2, 2)}


def prefixed(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": value for name, value in state.items()}


def test_names_that_do_not_all_begin_alike_stay(tmp_path: Path) -> None:
    torch.save({"model.a": torch.zeros(1), "alpha": torch.zeros(1)}, tmp_path / "w.pth")
    assert set(read_released(tmp_path / "w.pth")) == {"model.a", "alpha"}
