"""Encoder presets: each composes, and is the architecture that its authors released; a list is one run."""

from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir

from past import config as door

CONF = Path(__file__).resolve().parents[2] / "conf"
# width, and parameters in millions
RELEASED = {
    "conch": (512, 87.6),
    "ctranspath": (768, 27.5),
    "gigapath": (1536, 1135.0),
    "h0_mini": (768, 85.7),
    "h_optimus_0": (1536, 1134.8),
    "h_optimus_1": (1536, 1134.8),
    "hibou_l": (1024, 303.7),
    "kaiko_vitb16": (768, 85.8),
    "kaiko_vitb8": (768, 85.8),
    "kaiko_vitl14": (1024, 304.4),
    "kaiko_vits16": (384, 21.7),
    "kaiko_vits8": (384, 21.7),
    "midnight": (1536, 1134.8),
    "phikon": (768, 85.8),
    "phikon_v2": (1024, 303.4),
    "resnet50": (1024, 23.5),
    "uni": (1024, 303.4),
    "uni2_h": (1536, 681.4),
    "virchow": (2560, 631.2),
    "virchow2": (2560, 631.2),
}
OURS = {"colour", "grid", "past", "past_neighbours", "stored", "stpath", "timm"}

door.register()


def composed(*overrides: str) -> dict:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("evaluate", ["task=hest_bench", "task.root=bench", "run_id=test", *overrides])
    return door.resolve(config, door.Evaluate)


def test_every_preset_is_tested() -> None:
    assert {path.stem for path in (CONF / "encoder").glob("*.yaml")} == set(RELEASED) | OURS


@pytest.mark.parametrize("name", RELEASED)
def test_presets_are_the_released_architectures(name: str) -> None:
    preset = composed(f"encoder={name}")["encoder"]
    assert preset["weights"].startswith(f"weights/{name}/")
    with torch.device("meta"):
        encoder = door.build(preset | {"weights": None}, "encoder")
        features = encoder(torch.zeros(1, 3, 224, 224))
    width, millions = RELEASED[name]
    assert encoder.width == width
    assert features.shape == (1, width)
    assert sum(parameter.numel() for parameter in encoder.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


def test_our_own_presets_compose() -> None:
    assert composed("encoder=past", "encoder.checkpoint=a/b.ckpt")["encoder"]["checkpoint"] == "a/b.ckpt"
    assert composed("encoder=stored", "encoder.folder=features")["encoder"]["folder"] == "features"
    assert composed("encoder=past_neighbours", "encoder.checkpoint=a")["encoder"]["cache"] == "runs/features"
    assert (
        composed("encoder=stpath", "encoder.weights=a")["encoder"]["features"]["hub"] == "prov-gigapath/prov-gigapath"
    )
    assert door.build(composed("encoder=grid")["encoder"], "encoder").width == 48


def test_a_list_of_encoders_is_one_run_and_a_sweep_stays_one() -> None:
    arguments = ["task=hest_bench", "encoder=grid,uni", "encoders.uni.precision=fp32"]
    rewritten = door.encoders_of_one_run(arguments)
    assert rewritten[1:3] == ["+encoder@encoders.grid=grid", "+encoder@encoders.uni=uni"]
    encoders = composed(*rewritten[1:])["encoders"]
    assert list(encoders) == ["grid", "uni"]
    assert encoders["uni"]["precision"] == "fp32"
    assert door.encoders_of_one_run([*arguments, "-m"]) == [*arguments, "-m"]
    assert door.encoders_of_one_run(["encoder=grid"]) == ["encoder=grid"]


@pytest.mark.parametrize("head", sorted(path.stem for path in (CONF / "task" / "head").glob("*.yaml")))
def test_every_head_builds(head: str) -> None:
    bench = door.build(composed(f"task/head={head}")["task"], "task")
    assert bench.head.name == head
