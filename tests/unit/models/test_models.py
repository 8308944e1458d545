"""The registry: which classes a checkpoint may be built of, and parts of what was saved."""

from pathlib import Path

import pytest
import torch

from past.base.errors import CheckpointError
from past.checkpoints.saved import Saved, save_model
from past.models import load_part, parts
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.model import PASTModel
from past.models.stpath.model import STPath
from past.nn.colour import ColourGrid


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A PAST, each of its towers by itself, and an STPath, which has a width and is no tower."""
    model = PASTModel(ColourGrid(2), ExpressionEncoder(40, width=3), dim=4)
    alone = {"image": model.image_encoder, "cell": model.cell_encoder, "stpath": STPath(40, features=4, dim=8, depth=1)}
    for name, part in {"past": model, **alone}.items():
        save_model(tmp_path / name, Saved(part))
    return tmp_path


def test_every_part_has_a_name_of_its_own() -> None:
    assert {"PASTModel", "STPath", "CellEncoder", "ImageEncoder", "CrossAttention"} <= parts().keys()
    assert all(part.__name__ == name for name, part in parts().items())


@pytest.mark.parametrize(("name", "alone"), [("image_encoder", "image"), ("cell_encoder", "cell")])
def test_a_tower_is_had_from_a_model_and_from_itself(saved: Path, name: str, alone: str) -> None:
    whole, own = load_part(saved / "past", name), load_part(saved / alone, name)
    assert type(whole) is type(own)
    assert whole.state_dict().keys() == own.state_dict().keys()
    assert all(torch.equal(value, own.state_dict()[key]) for key, value in whole.state_dict().items())
    assert own.training


@pytest.mark.parametrize(
    ("folder", "name"),
    [("image", "cell_encoder"), ("cell", "image_encoder"), ("past", "head"), ("stpath", "image_encoder")],
)
def test_another_part_is_refused_by_name(saved: Path, folder: str, name: str) -> None:
    with pytest.raises(CheckpointError, match=rf"{folder}: no part '{name}'; it is a \w+ of"):
        load_part(saved / folder, name)
