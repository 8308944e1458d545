"""Cells of a slide, predicted by a tiny PAST."""

from pathlib import Path

import numpy as np
import pytest
from cells_on_a_slide import coloured_slide, trained_tiny

import past
from past.base.errors import ConfigError, DataError
from past.cells.nuclei import Nuclei
from past.cells.predict import predictor_of, see
from past.checkpoints.saved import Saved
from past.models.past.cells.predictor import save_predictor
from past.slides.slide import open_slide


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray, Saved]:
    root = tmp_path_factory.mktemp("cells")
    _, saved = trained_tiny(root)
    return root, coloured_slide(root / "slide.png"), saved


def test_each_cell_has_its_own_crops_place(made: tuple[Path, np.ndarray, Saved]) -> None:
    root, centres, saved = made
    slide = open_slide(root / "slide.png", 0.5)
    images, features = see(saved, slide, Nuclei(centres), batch_size=7)
    pixels = slide.tile(*centres[3].tolist(), 16, 0.5)
    np.testing.assert_allclose(features[3, :3], pixels.reshape(-1, 3).mean(axis=0) / 255, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1, atol=1e-5)
    alone, _ = see(saved, slide, Nuclei(centres[3:4]))
    np.testing.assert_allclose(alone[0], images[3], atol=1e-5)


def test_cells_are_predicted_and_the_strange_one_is_marked(made: tuple[Path, np.ndarray, Saved]) -> None:
    root, centres, _ = made
    found = past.predict_cells(root / "slide.png", root / "past", root / "set", Nuclei(centres), mpp=0.5, patient="Z")
    assert found.shape == (25, 24)
    assert np.isfinite(found.X).all()  # type: ignore[arg-type]
    assert found.uns["past"]["bank_patients"] == ["A", "B"]  # those that the model was trained on
    assert found.uns["past"]["mpp"] == 0.5
    np.testing.assert_array_equal(found.obsm["spatial"], centres)
    assert {"held_out_r_mixture", "retrieval_share", "weak_from"} <= set(found.var)
    similarity = found.obs["similarity"].to_numpy()
    assert similarity.argmin() == 24
    assert bool(found.obs["unlike_training"].iloc[24])


def test_a_bank_of_the_patient_is_refused(made: tuple[Path, np.ndarray, Saved]) -> None:
    root, centres, _ = made
    words = (root / "slide.png", root / "past", root / "set", Nuclei(centres))
    with pytest.raises(DataError, match="the bank holds cells of A, who is to be predicted"):
        past.predict_cells(*words, mpp=0.5, patient="A")
    found = past.predict_cells(*words, mpp=0.5, patient="A", bank_patients=["B"], genes=["G3", "G1"])
    assert list(found.var_names) == ["G3", "G1"]


def test_a_kept_predictor_is_of_its_model(made: tuple[Path, np.ndarray, Saved], tmp_path: Path) -> None:
    root, _, saved = made
    predictor = predictor_of(saved, root / "set")
    save_predictor(tmp_path / "kept", predictor)
    again = predictor_of(saved, tmp_path / "kept")
    with pytest.raises(ConfigError, match="a kept bank has its own genes and patients"):
        predictor_of(saved, tmp_path / "kept", genes=["G1"])
    np.testing.assert_array_equal(again.bank.keys, predictor.bank.keys)
    from dataclasses import replace

    save_predictor(tmp_path / "other", replace(predictor, bank=replace(predictor.bank, weights="another")))
    with pytest.raises(DataError, match="made by another model"):
        predictor_of(saved, tmp_path / "other")
