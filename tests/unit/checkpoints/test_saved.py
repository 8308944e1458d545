import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from damaged import zero_a_page

from past.base.errors import CheckpointError, ConfigError
from past.base.genes import gene_hash
from past.checkpoints.description import build_part
from past.checkpoints.saved import Saved, save_model
from past.models import load_model, load_part, parts
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.fusion import Film
from past.models.past.model import PASTModel
from past.models.past.niche_encoder import NicheEncoder
from past.nn.colour import ColourEncoder
from past.nn.layers import Part

GENES = ["A", "B", "C"]


def small_model() -> PASTModel:
    return PASTModel(
        ColourEncoder(),
        ExpressionEncoder(33, width=12),
        NicheEncoder(12, hidden=4, width=12),
        Film(12),
        dim=6,
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    tokenizer = {"vocabulary": GENES, "vocabulary_hash": gene_hash(GENES)}
    save_model(tmp_path / "model", Saved(small_model(), tokenizer, {"mpp": 0.5, "px": 32}, "a test"))
    return tmp_path / "model"


def same_weights(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(value, b.state_dict()[name]) for name, value in a.state_dict().items())


def test_a_saved_model_comes_back_whole(tmp_path: Path) -> None:
    model = small_model()
    model.cell_encoder.components.copy_(torch.rand(33, 12))  # type: ignore[union-attr]
    model.image_encoder.fit([torch.rand(4, 3, 16, 16)])  # type: ignore[attr-defined]
    save_model(tmp_path / "m", Saved(model, {"vocabulary_hash": gene_hash(GENES)}, {"mpp": 0.5}))
    back = load_model(tmp_path / "m")
    assert isinstance(back.model, PASTModel)
    assert back.model.config == model.config
    assert same_weights(model, back.model)
    assert not back.model.training
    assert back.crops == {"mpp": 0.5}
    back.require_vocabulary(GENES)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == ["model.json", "weights.safetensors"]


def test_another_vocabulary_is_refused_with_both_hashes(saved: Path) -> None:
    with pytest.raises(CheckpointError, match=f"{gene_hash(GENES)}.*{gene_hash(['B'])}"):
        load_model(saved).require_vocabulary(["B"])


def test_an_existing_directory_is_never_touched(saved: Path) -> None:
    before = {path: path.read_bytes() for path in saved.iterdir()}
    with pytest.raises(ConfigError, match="exists already"):
        save_model(saved, Saved(small_model()))
    assert {path: path.read_bytes() for path in saved.iterdir()} == before


def test_a_save_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        save_model(tmp_path / "m", Saved(small_model(), {"vocabulary": object()}))
    assert list(tmp_path.iterdir()) == []


def test_a_training_checkpoint_is_read_as_well(tmp_path: Path) -> None:
    model = small_model()
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    state["bias"] = torch.tensor(-10.0)  # SigLIP's is the training's own
    carried = {"model": model.config, "tokenizer": {"vocabulary_hash": "x"}}
    torch.save({"state_dict": state, "past": carried}, tmp_path / "last.ckpt")
    back = load_model(tmp_path / "last.ckpt")
    assert same_weights(model, back.model)
    assert back.tokenizer == {"vocabulary_hash": "x"}
    torch.save({"state_dict": state}, tmp_path / "other.ckpt")
    with pytest.raises(CheckpointError, match="past import"):
        load_model(tmp_path / "other.ckpt")


def test_one_part_serves_as_initial_weights(saved: Path) -> None:
    part = load_part(saved, "cell_encoder")
    assert isinstance(part, ExpressionEncoder)
    assert part.training
    whole = load_part(saved)
    assert same_weights(part, whole.cell_encoder)  # type: ignore[arg-type]
    with pytest.raises(CheckpointError, match="image_encoder, cell_encoder, niche_encoder, fusion"):
        load_part(saved, "cells")


def edit(change: Callable[[dict], None], folder: Path) -> None:
    content = json.loads((folder / "model.json").read_text())
    change(content)
    (folder / "model.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda content: content.update(version=99), "version 99"),
        (lambda content: content["model"].update(part="Later"), "'Later' is not known"),
        (lambda content: content["model"].update(dim=7), "of another shape"),
        (lambda content: content.pop("version"), "no model there"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(change: Callable[[dict], None], sentence: str, saved: Path) -> None:
    edit(change, saved)
    with pytest.raises(CheckpointError, match=sentence):
        load_model(saved)


def test_missing_files_are_named(saved: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such weight file"):
        load_model(tmp_path / "nowhere")
    (saved / "weights.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"weights\.safetensors"):
        load_model(saved)


def test_config_is_plain_and_builds_an_equal_part() -> None:
    model = small_model()
    config = json.loads(json.dumps(model.config))
    again = build_part(config, parts())
    assert again.config == model.config
    assert isinstance(again, Part)
    assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in model.state_dict().items()}


def test_damage_is_found_in_a_folder_and_in_a_runs_checkpoint(saved: Path, tmp_path: Path) -> None:
    model = small_model()
    state = {f"model.{name}": torch.rand_like(value) for name, value in model.state_dict().items()}
    torch.save({"state_dict": state, "past": {"model": model.config}}, tmp_path / "last.ckpt")
    zero_a_page(tmp_path / "last.ckpt")
    with pytest.raises(CheckpointError, match=r"last\.ckpt: damaged"):
        load_model(tmp_path / "last.ckpt")
    zero_a_page(saved / "weights.safetensors")
    with pytest.raises(CheckpointError, match=r"weights\.safetensors: damaged"):
        load_model(saved)


def test_a_folder_of_before_hashes_is_read(saved: Path) -> None:
    edit(lambda content: content.pop("weights_sha256"), saved)
    assert isinstance(load_model(saved).model, PASTModel)


def test_a_runs_folder_is_told_with_its_checkpoints(tmp_path: Path) -> None:
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "run/checkpoints/last.ckpt").touch()
    with pytest.raises(CheckpointError, match=r"run: no model there.*: give .*run/checkpoints/last\.ckpt$"):
        load_model(tmp_path / "run")


@pytest.mark.parametrize("names", ["AB", ["A", 1], {"A": "B"}])
def test_what_it_was_trained_on_is_lists_of_names(saved: Path, names: object) -> None:
    content = json.loads((saved / "model.json").read_text())
    for given, refused in ((["A", "B"], False), (names, True)):
        (saved / "model.json").write_text(json.dumps(content | {"trained_on": {"sections": given}}))
        if refused:
            with pytest.raises(CheckpointError, match="its trained_on holds no lists of names"):
                load_model(saved)
        else:
            assert load_model(saved).trained_on == {"sections": ["A", "B"]}
