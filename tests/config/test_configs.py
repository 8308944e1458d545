"""Every file in conf/ composes; what it names exists and takes the keys it is given; every key is read."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from past import config as door
from past.base.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]
CONF = ROOT / "conf"
TRAIN_GROUPS = (
    "model",
    "encoder",
    "cell_encoder",
    "data",
    "trainer",
    "callbacks",
    "logger",
    "experiment",
    "launcher",
    "hparams",
    "profiler",
)
ALONE = {"data/cell_expression.yaml": ("model=cell_expression", "~cell_encoder")}  # what belongs to another model
OF_EXTRAS = {"hparams/optuna.yaml": "optuna", "launcher/slurm.yaml": "submitit"}  # what brings their plugins
FILES = sorted(path.relative_to(CONF) for path in CONF.glob("*/*.yaml"))

door.register()


def composed(entry: str, *overrides: str) -> DictConfig:
    """Compose, with a word in the place of every value that only a user can give."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(entry, [*overrides, "run_id=test"])
    for key in OmegaConf.missing_keys(config):
        OmegaConf.update(config, key, "given")
    return config


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
    if str(file) in OF_EXTRAS:
        pytest.importorskip(OF_EXTRAS[str(file)], reason=f"{file} needs an extra that is missing")
    entry, schema = entry_of(file)
    if "${task." in (CONF / file).read_text():  # of a benchmark's frozen encoders
        bench = ("task=hest_bench", "task.root=given")
        config = door.resolve(composed("evaluate", *bench, f"{file.parts[0]}={file.stem}"), door.Evaluate)
    else:
        left_out = ALONE.get(str(file), ())
        config = door.resolve(composed(entry, f"{file.parts[0]}={file.stem}", *left_out), schema)
    found = list(nodes(config))
    assert found
    for key in config:
        door.check(config[key], key)


BUILT = [f for f in FILES if f.parts[0] in ("experiment", "model", "cell_encoder")]


@pytest.mark.parametrize("file", [*BUILT, Path("encoder/timm.yaml"), Path("encoder/colour.yaml")], ids=str)
def test_every_model_builds(file: Path) -> None:
    """The other encoders: see test_encoders.py."""
    composition = composed("train", f"{file.parts[0]}={file.stem}")
    if "weights" in composition.encoder:
        composition.encoder.weights = None
    config = door.resolve(composition, door.Train)
    sizes = {"STPath": {"tokens": 64, "features": 8}, "ImageToExpression": {"genes": 8}}
    fills = sizes.get(config["model"]["_target_"].rpartition(".")[2], {"cell_encoder.vocabulary_size": 64})
    with torch.device("meta"):
        model = door.build(door.filled(config["model"], fills), "model")
        module = door.build(config["module"], "module", model=model)
    assert sum(parameter.numel() for parameter in module.parameters()) > 0


@pytest.mark.parametrize(("entry", "schema"), [("train", door.Train), ("evaluate", door.Evaluate)])
def test_every_root_key_is_read(entry: str, schema: type) -> None:
    """By the entry point or a task as `config["key"]`, or by a file of conf/ as `${key}` or `${key.…}`."""
    sources = [ROOT / "past" / f"{entry}.py", *(ROOT / "past" / "evaluation").glob("*.py")]
    sources += (ROOT / "past" / "evaluation").glob("*/task.py")
    read = {
        node.slice.value
        for source in (sources if entry == "evaluate" else sources[:1])
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.ctx.__class__ is ast.Load
    }
    read |= {name for text in texts() for name in re.findall(r"\$\{(\w+)[.}]", text)}
    assert {key.name for key in fields(schema)} <= read


def texts() -> Iterator[str]:
    """What the files of conf/ say."""
    for path in CONF.rglob("*.yaml"):
        yield path.read_text()


def test_an_unknown_root_key_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match=r"unknown key sed: the root keys are .*seed"):
        door.resolve(composed("train", "+sed=5", "data.root=shards"), door.Train)
