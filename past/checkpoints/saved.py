"""Our own form of a trained model: a directory of `weights.safetensors` and `model.json`, from which it is built again.

`model.json` holds the plain config of every part, the tokenizer (its gene list and that list's hash), the crops' scale
and the weights' hash, so a model can be used without the program's configuration or the data it was trained on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors.torch import save_file

from past.base.errors import CheckpointError, DataError
from past.base.files import atomic_path, require_free, write_atomically
from past.base.genes import gene_hash
from past.base.h5ad import sha256_of
from past.base.runs import what_to_give
from past.base.text.reading import read_json
from past.checkpoints.description import build_described
from past.nn.layers import Part
from past.nn.weights import load_strictly, read_torch, read_weights

VERSION = 1
WEIGHTS = "weights.safetensors"
DESCRIPTION = "model.json"
MADE = "a folder that 'past import' made"


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


def save_model(out: Path, saved: Saved) -> None:
    """Write the directory `out`, whole or not at all.

    Raises:
        ConfigError: `out` exists already; it is left as it is.
    """
    require_free(out)
    with atomic_path(out) as part:
        part.mkdir()
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
        content["weights_sha256"] = sha256_of(part / WEIGHTS)
        write_atomically(part / DESCRIPTION, json.dumps(content, indent=1) + "\n")


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
    about = {key: description.get(key) or {} for key in ("tokenizer", "crops", "trained_on")}
    for key, value in about.items():
        if not isinstance(value, dict):
            raise CheckpointError(
                f"{path}: its {key} is {value!r:.80}, no names with values: take the file as it was made"
            )
    if not all(
        isinstance(names, list | tuple) and set(map(type, names)) <= {str} for names in about["trained_on"].values()
    ):
        raise CheckpointError(f"{path}: its trained_on holds no lists of names: take the file as it was made")
    try:
        model = build_described(description.get("model"), parts, state)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from error
    load_strictly(model, state, path)
    return Saved(model.eval(), about["tokenizer"], about["crops"], str(path), about["trained_on"])


def _read_directory(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    file = path / DESCRIPTION
    cure = f"give {what_to_give(path, MADE)}"
    try:
        description = read_json(file, cure)
    except DataError as error:
        raise CheckpointError(f"{path}: no model there: {error}") from error
    if not isinstance(description, dict) or "version" not in description:
        raise CheckpointError(f"{path}: no model there ({DESCRIPTION} says no version): {cure}")
    if description["version"] != VERSION:
        version = description["version"]
        raise CheckpointError(f"{file}: version {version!r:.20}, this program reads {VERSION}: import the model again")
    weights, hashed = path / WEIGHTS, description.get("weights_sha256")  # those of earlier versions have none
    if hashed is not None and weights.is_file() and sha256_of(weights) != hashed:
        raise CheckpointError(
            f"{weights}: damaged, it is not the file that {DESCRIPTION} was written for: copy it again"
        )
    return description, read_weights(weights)


def _read_training(path: Path) -> tuple[dict, dict[str, torch.Tensor]]:
    content = read_torch(path)
    description, state = content.get("past"), content.get("state_dict")
    if not isinstance(description, dict) or not isinstance(state, dict):
        raise CheckpointError(f"{path}: not a checkpoint of train.py; released files are read with 'past import'")
    return description, {
        name.removeprefix("model."): value
        for name, value in state.items()
        if str(name).startswith("model.") and isinstance(value, torch.Tensor)  # the rest is the training's own
    }
