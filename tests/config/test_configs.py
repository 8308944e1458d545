"""Every file in conf/ composes; what it names exists and takes the keys it is given; every key is read."""

import ast
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from past import config as door
from past.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
TRAIN_GROUPS = ("model", "encoder", "cell_encoder", "data", "trainer", "callbacks", "logger", "experiment")
FILES = sorted(path.relative_to(CONF) for path in CONF.glob("*/*.yaml"))

door.register()


def composed(entry: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose(entry, [*overrides, "run_id=test"])


def nodes(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict):
        if "_target_" in value:
            yield path, value
        for key, inner in value.items():
            yield from nodes(inner, f"{path}.{key}" if path else key)


def entry_of(file: Path) -> tuple[str, type]:
    return ("train", door.Train) if file.parts[0] in TRAIN_GROUPS else ("evaluate", door.Evaluate)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_every_file_composes_and_names_what_exists(file: Path) -> None:
    entry, schema = entry_of(file)
    config = door.resolve(composed(entry, f"{file.parts[0]}={file.stem}"), schema)
    found = list(nodes(config))
    assert found
    for key in config:
        door.check(config[key], key)


@pytest.mark.parametrize("file", [f for f in FILES if f.parts[0] in ("experiment", "encoder", "model")], ids=str)
def test_every_model_builds(file: Path) -> None:
    config = door.resolve(composed("train", f"{file.parts[0]}={file.stem}", "encoder.weights=null"), door.Train)
    config["model"]["cell_encoder"]["vocabulary_size"] = 64
    with torch.device("meta"):
        module = door.build(config["model"], "model")
    assert sum(parameter.numel() for parameter in module.parameters()) > 0
