"""A description of a model may be anyone's: it builds a model of the weights beside it, or is refused in a sentence."""

import json
import socket
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import timm
import torch

from past.base.errors import CheckpointError
from past.checkpoints.description import build_described, build_part
from past.checkpoints.saved import Saved, save_model
from past.models import load_model, parts
from past.models.past.cell_encoder import CellEncoder
from past.models.past.model import PASTModel
from past.nn.conch import CONCHEncoder
from past.nn.image_encoder import ImageEncoder

TINY = {"img_size": 32, "patch_size": 16, "embed_dim": 24, "depth": 1, "num_heads": 2, "act_layer": "silu"}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *address: pytest.fail(f"connects to {address}"))
    for place in ("past.nn.released_weights", "timm.models._hub"):
        monkeypatch.setattr(f"{place}.hf_hub_download", lambda *a, **b: pytest.fail(f"fetches {a}"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A saved PAST whose image encoder is timm's."""
    image = ImageEncoder("vit_tiny_patch16_224", options=TINY, mean=(0.5, 0.5, 0.5))
    cells = CellEncoder(40, context=8, width=16, layers=1, heads=2, feedforward=16)
    save_model(tmp_path / "model", Saved(PASTModel(image, cells, dim=8)))
    return tmp_path / "model"


def described(folder: Path, place: str, value: Any) -> Path:
    """Write a value into the description, at a dotted place."""
    content = json.loads((folder / "model.json").read_text())
    node = content
    *path, last = place.split(".")
    for key in path:
        node = node[key]
    node[last] = value
    (folder / "model.json").write_text(json.dumps(content))
    return folder


def as_checkpoint(folder: Path) -> Path:
    """The same as a training's checkpoint."""
    state = {f"model.{name}": value for name, value in load_model(folder).model.state_dict().items()}
    path = folder.parent / "last.ckpt"
    torch.save({"state_dict": state, "past": {"model": load_model(folder).model.config}}, path)
    return path


def test_the_weights_come_back_from_both_forms(folder: Path) -> None:
    one, other = (load_model(path).model for path in (folder, as_checkpoint(folder)))
    assert json.loads(json.dumps(other.config)) == one.config
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name])


IMAGE = "model.image_encoder"
WORDS_ONLY = "a model is described by words and numbers of its own only"


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        (f"{IMAGE}.options.checkpoint_path", "evil.pth", r"options\.checkpoint_path: no option of an architecture"),
        (f"{IMAGE}.options.checkpoint_path", "/tmp/evil.pth", WORDS_ONLY),
        (f"{IMAGE}.options.pretrained", True, r"options\.pretrained: no option"),
        (
            f"{IMAGE}.options.pretrained_cfg_overlay",
            {"file": "evil.pth"},
            r"options\.pretrained_cfg_overlay: no option",
        ),
        (f"{IMAGE}.options.cache_dir", "here", r"options\.cache_dir: no option"),
        (f"{IMAGE}.options.features_only", True, r"options\.features_only: no option"),
        (f"{IMAGE}.name", "hf-hub:MahmoodLab/UNI", WORDS_ONLY),
        (f"{IMAGE}.name", "hf_hub:MahmoodLab/UNI", WORDS_ONLY),
        (f"{IMAGE}.name", "local-dir:model", WORDS_ONLY),
        (f"{IMAGE}.name", "../vit", WORDS_ONLY),
        (f"{IMAGE}.name", 7, "no model can be built of its description"),
        (f"{IMAGE}.weights", "hub", "weights='hub': a checkpoint brings its own weights"),
        (f"{IMAGE}.weights", "evil", "weights='evil': a checkpoint brings its own weights"),
        (f"{IMAGE}.hub", "x", "hub='x': a checkpoint brings its own weights"),
        (IMAGE, {"part": "CONCHEncoder", "weights": "evil", "hub": None}, "CONCHEncoder has weights='evil'"),
        (IMAGE, {"part": "CONCHEncoder", "weights": None, "hub": "evil"}, "CONCHEncoder has hub='evil'"),
        (f"{IMAGE}.mean", [1e999], WORDS_ONLY),
        (f"{IMAGE}.mean", "red", "no model can be built"),
        (f"{IMAGE}.options", [1], "no model can be built"),
        ("model.cell_encoder.layers", 100_000, "more than .* parameters, and its weights are fewer"),
        ("model.cell_encoder.layers", 10**12, WORDS_ONLY),
        (f"{IMAGE}.options.depth", 20_000, "more than .* parameters, and its weights are fewer"),
        ("model.cell_encoder.vocabulary_size", 1 << 18, "of another shape"),
        ("model.cell_encoder.width", "wide", "width=wide: give a whole number of 1 or more"),
        ("model.cell_encoder.wings", 2, "no model can be built of its description .TypeError: .*wings"),
        ("model.cell_encoder.part", ["CellEncoder"], "is not known here"),
        ("model.part", "system", "part 'system' is not known here"),
        ("model", 3, "no model can be built"),
        ("model", None, "no model can be built"),
        ("tokenizer", ["a"], "its tokenizer is .*, no names with values"),
        ("trained_on", {"patients": [["A"]]}, "its trained_on holds no lists of names"),
        ("trained_on", {"patients": 3}, "its trained_on holds no lists of names"),
    ],
    ids=str,
)
def test_nothing_outside_the_checkpoint_is_read_and_no_more_is_made_than_its_weights(
    place: str, value: Any, sentence: str, folder: Path
) -> None:
    with pytest.raises(CheckpointError, match=sentence) as refused:
        load_model(described(folder, place, value))
    assert str(refused.value).startswith(str(folder))
    assert "\n" not in str(refused.value)


def test_a_training_checkpoint_is_held_to_the_same(folder: Path) -> None:
    path = as_checkpoint(folder)
    content = torch.load(path, weights_only=True)
    content["past"]["model"]["image_encoder"]["name"] = "hf-hub:MahmoodLab/UNI"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=rf"last\.ckpt: model\.image_encoder\.name='hf-hub:.*{WORDS_ONLY}"):
        load_model(path)
    for broken in ({"past": 3, "state_dict": {}}, {"past": {}, "state_dict": [1]}, {"past": {}, "state_dict": {}}):
        torch.save(broken, path)
        with pytest.raises(CheckpointError, match=r"last\.ckpt: "):
            load_model(path)


@pytest.mark.parametrize(
    "text",
    ['{"version": 1, "model": ' + '{"a": ' * 100_000, "[" * 100_000, '{"version": 1}', "[1]", "3", '"a"'],
    ids=len,
)
def test_a_description_that_is_none_is_one_sentence(text: str, folder: Path) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(CheckpointError) as refused:
        load_model(folder)
    assert str(refused.value).startswith(str(folder))
    assert "\n" not in str(refused.value)
    (folder / "model.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(CheckpointError, match="not UTF-8"):
        load_model(folder)


def test_a_part_deep_in_parts_is_one_sentence() -> None:
    config: dict[str, Any] = {"part": "JointSpace"}
    for _ in range(2_000):
        config = {"part": "PASTModel", "image_encoder": config}
    with pytest.raises(CheckpointError, match="RecursionError"):
        build_described(config, parts(), {})


def test_what_a_part_fetched_is_not_in_its_description(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    state = timm.create_model("vit_tiny_patch16_224", num_classes=0, **TINY).state_dict()
    torch.save(state, tmp_path / "w.pth")
    part = ImageEncoder("vit_tiny_patch16_224", weights=tmp_path / "w.pth", hub="owner/name", options=TINY)
    assert (part.config["weights"], part.config["hub"]) == (None, None)
    again = build_part(part.config, parts()).state_dict()
    assert again["model.pos_embed"].shape == state["pos_embed"].shape
    assert CONCHEncoder.fetched == ("weights", "hub")
