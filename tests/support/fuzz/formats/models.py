"""Weights and models."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from fuzz import archives, damage, texts
from fuzz.case import Contents, Format
from fuzz.dice import Dice
from fuzz.formats.matrices import files_below
from past.base.genes import gene_hash
from past.checkpoints.saved import Saved, save_model
from past.models import load_model
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.fusion import Film
from past.models.past.model import PASTModel
from past.models.past.niche_encoder import NicheEncoder
from past.nn.colour import ColourEncoder
from past.nn.weights import read_weights

GENES = ["A", "B", "C"]


def _model() -> PASTModel:
    return PASTModel(
        ColourEncoder(), ExpressionEncoder(33, width=12), NicheEncoder(12, hidden=4, width=12), Film(12), dim=6
    )


def _folder() -> Contents:
    tokenizer = {"vocabulary": GENES, "vocabulary_hash": gene_hash(GENES)}
    with TemporaryDirectory() as folder:
        save_model(Path(folder) / "m", Saved(_model(), tokenizer, {"mpp": 0.5, "px": 32}, "a test"))
        return files_below(Path(folder))


def _checkpoint() -> Contents:
    model, file = _model(), io.BytesIO()
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    torch.save({"state_dict": state, "past": {"model": model.config, "tokenizer": {"vocabulary_hash": "x"}}}, file)
    return {"last.ckpt": file.getvalue()}


def _weights() -> Contents:
    state = {"weight": torch.rand(3, 4), "bias": torch.rand(3)}
    new, old = io.BytesIO(), io.BytesIO()
    torch.save(state, new)
    torch.save(state, old, _use_new_zipfile_serialization=False)
    return {"new.pth": new.getvalue(), "old.pth": old.getvalue()}


def _read_weights(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        for tensor in read_weights(path).values():
            tensor.float().sum()


def _read_model(path: Path) -> None:
    for value in load_model(path).model.state_dict().values():
        value.float().sum()


def _pickled(dice: Dice, content: bytes) -> bytes:
    """A pickle that is damaged, or calls something."""
    called = dice.of([b"posix\nsystem", b"builtins\nexec", b"torch\nload", b"torch.hub\nload_state_dict_from_url"])
    calls = b"\x80\x02c" + called + b"\n(X\x04\x00\x00\x00truetR."
    return dice.of([calls, calls, dice.of(damage.ANY)(dice, content)])


FORMATS = {
    "model_json": Format(
        _folder, lambda folder: _read_model(folder / "m"), {"m/model.json": [texts.json_of]}, 600, damage=0.2
    ),
    "safetensors": Format(
        _folder, lambda folder: _read_model(folder / "m"), {"m/weights.safetensors": [archives.safetensors_of]}, 600
    ),
    "ckpt": Format(
        _checkpoint, lambda folder: _read_model(folder / "last.ckpt"),
        {"last.ckpt": [archives.zip_headers, archives.zip_members(_pickled, "data.pkl")]}, 600,
    ),
    "pth": Format(_weights, _read_weights, {"new.pth": [archives.zip_headers], "old.pth": []}, 1_000, alone=True),
}  # fmt: skip
