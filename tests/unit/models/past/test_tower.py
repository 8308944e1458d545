from pathlib import Path

import numpy as np
import pytest
import torch

from past.base.errors import CheckpointError, ConfigError
from past.checkpoints.saved import Saved, save_model
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.model import PASTModel
from past.models.past.tower import PASTCheckpoint, PASTTower
from past.nn.colour import ColourGrid

TILES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)


@pytest.fixture
def folds(tmp_path: Path) -> list[PASTModel]:
    """Two checkpoints, past-0 and past-1, of which the first does not say what it was trained on."""
    models = []
    for fold in (0, 1):
        torch.manual_seed(fold)
        models.append(PASTModel(ColourGrid(2), ExpressionEncoder(40, width=8), dim=4).eval())
        seen = {"sections": ["S1"], "patients": ["P1", "P2"]} if fold else {}
        saved = Saved(models[fold], crops={"normalise_stain": bool(fold)}, trained_on=seen)
        save_model(tmp_path / f"past-{fold}", saved)
    return models


def test_each_fold_has_its_own_model(folds: list[PASTModel], tmp_path: Path) -> None:
    tower = PASTTower(tmp_path / "past-{fold}", output="joint", device="cpu")
    crops = torch.from_numpy(TILES).permute(0, 3, 1, 2)
    for fold, model in enumerate(folds):
        with torch.no_grad():
            expected = model.encode_image(crops).numpy()
        np.testing.assert_allclose(tower.for_fold(fold)(TILES), expected, rtol=1e-5, atol=1e-6)
        assert tower.for_fold(fold).normal_stain is bool(fold)
    assert tower.fingerprint_of(0) != tower.fingerprint_of(1)


def test_before_the_head_it_is_the_image_encoder(folds: list[PASTModel], tmp_path: Path) -> None:
    tower = PASTTower(tmp_path / "past-1", device="cpu")
    expected = folds[1].image_encoder(torch.from_numpy(TILES).permute(0, 3, 1, 2))
    np.testing.assert_array_equal(tower.for_fold(7)(TILES), expected.numpy())


@pytest.mark.usefixtures("folds")
def test_what_a_fold_was_trained_on_is_sections_and_patients(tmp_path: Path) -> None:
    checkpoint = PASTCheckpoint(tmp_path / "past-{fold}")
    assert checkpoint.trained_on(0) is None
    assert checkpoint.trained_on(1) == {"S1", "P1", "P2"}
    assert PASTTower(tmp_path / "past-{fold}").trained_on(1) == {"S1", "P1", "P2"}


def test_what_is_not_a_past_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path / "colour", Saved(ColourGrid(2)))
    with pytest.raises(CheckpointError, match="holds a ColourGrid, not a PAST"):
        PASTCheckpoint(tmp_path / "colour").for_fold(0)
    with pytest.raises(ConfigError, match="output='text' is not known"):
        PASTTower(tmp_path / "colour", output="text")  # type: ignore[arg-type]
