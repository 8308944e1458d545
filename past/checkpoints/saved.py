"""Our own form of a trained model: a directory of `weights.safetensors` and `model.json`, from which it is built again.

`model.json` holds the plain config of every part, the tokenizer (its gene list and that list's hash) and the crops'
scale, so a model can be used without the program's configuration or the data it was trained on.
"""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from safetensors.torch import save_file

from past.base.errors import CheckpointError, ConfigError
from past.base.files import write_atomically
from past.base.genes import gene_hash
from past.nn.layers import Part
from past.nn.weights import load_strictly, read_torch, read_weights

VERSION = 1
WEIGHTS = "weights.safetensors"
DESCRIPTION = "model.json"


@dataclass(frozen=True)
class Saved:
    """A model and what it needs to know of its data.

    Attributes:
        model: a model, or a part of one that can stand alone; in evaluation mode after loading.
        tokenizer: what `Tokenizer.state()` returns; at least `vocabulary_hash`, or empty where nothing is known.
        crops: `mpp` (µm/px or "native") and `px` of the crops it was trained on, or empty.
        source: where the weights came from, for people.
        trained_on: `sections` and `patients` of the training data, or empty where nothing is known.
    """

    model: Part
    tokenizer: Mapping[str, object] = field(default_factory=dict)
    crops: Mapping[str, object] = field(default_factory=dict)
    source: str = ""
    trained_on: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def require_vocabulary(self, genes: Sequence[str]) -> None:
        """Check that the model's tokens number exactly `genes`.

        Raises:
            CheckpointError: another vocabulary, with both hashes, or none recorded.
        """
        own, given = self.tokenizer.get("vocabulary_hash"), gene_hash(genes)
        if own is None:
            raise CheckpointError(f"{self.source}: its vocabulary is not known; import it again with --genes FILE")
        if own != given:
            raise CheckpointError(
                f"{self.source}: its vocabulary is {own}, the data's is {given} ({len(genes):,} genes): "
                "use the gene list that it was trained on"
            )


def build_part(config: Mapping[str, object], parts: Mapping[str, type[Part]]) -> Part:
    """Build a part, and the parts within it, from the plain `Part.config`; weights are random.

    Args:
        config: what `Part.config` gave.
        parts: the classes that may be built, by their names; see `past.models.parts`.

    Raises:
        CheckpointError: names a part that does not exist here.
    """
    name = config.get("part")
    if name not in parts:
        raise CheckpointError(f"part {name!r} is not known here: the checkpoint is of a newer version, or was edited")
    arguments = {
        key: build_part(cast(Mapping[str, object], value), parts)
        if isinstance(value, Mapping) and "part" in value
        else value
        for key, value in config.items()
        if key != "part"
    }
    return parts[str(name)](**arguments)


def require_free(out: Path) -> None:
    """Raise ConfigError if `out` exists: a model is never written over."""
    if out.exists():
        raise ConfigError(f"{out} exists already and was left as it is: give another --out, or remove it first")


def save_model(out: Path, saved: Saved) -> None:
    """Write the directory `out`, whole or not at all.

    Raises:
        ConfigError: `out` exists already; it is left as it is.
    """
    require_free(out)
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    part.mkdir(parents=True)
    try:
        content = {
            "version": VERSION,
            "source": saved.source,
            "model": saved.model.config,
            "crops": dict(saved.crops),
            "tokenizer": dict(saved.tokenizer),
            "trained_on": dict(saved.trained_on),
        }
        state = {name: tensor.contiguous().cpu() for name, tensor in saved.model.state_dict().items()}
        save_file(state, part / WEIGHTS)
        write_atomically(part / DESCRIPTION, json.dumps(content, indent=1) + "\n")
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def load_saved(path: str | Path, parts: Mapping[str, type[Part]]) -> Saved:
    """Read a directory that `save_model` wrote, or a training run's `.ckpt`; the model is in evaluation mode.

    Args:
        path: of the directory or file.
        parts: the classes that may be built, by their names; `past.models.load_model` gives those of all our models.

    Raises:
        CheckpointError: missing, broken, of a newer version, or weights that do not fit their description.
    """
    path = Path(path)
    description, state = _read_directory(path) if path.is_dir() else _read_training(path)
    model = build_part(cast(Mapping[str, object], description["model"]), parts)
    load_strictly(model, state, path)
    tokenizer, crops, trained_on = (description.get(key) or {} for key in ("tokenizer", "crops", "trained_on"))
    return Saved(model.eval(), tokenizer, crops, str(path), trained_on)


def _read_directory(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    file = path / DESCRIPTION
    try:
        description = json.loads(file.read_text())
        version = description["version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: no model there ({DESCRIPTION}: {error}); 'past import' makes one") from error
    if version != VERSION:
        raise CheckpointError(f"{file}: version {version}, this program reads {VERSION}: import the model again")
    return description, read_weights(path / WEIGHTS)


def _read_training(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    content = read_torch(path)
    if "past" not in content or "state_dict" not in content:
        raise CheckpointError(f"{path}: not a checkpoint of train.py; released files are read with 'past import'")
    state = {
        name.removeprefix("model."): value
        for name, value in content["state_dict"].items()
        if name.startswith("model.")  # the rest is the training's own, such as SigLIP's bias
    }
    return content["past"], state
