"""Risks, survival, attention, and what a gene set adds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from past.base.errors import CheckpointError
from past.checkpoints.saved import Saved, save_model
from past.models.stpath.model import STPath
from past.models.survival.batch import BagBatch
from past.models.survival.model import SurvivalModel
from past.models.survival.predict import load_survival, predict, predict_risk


@pytest.mark.parametrize("pool", ["mean", "attention", "gene_sets"])
def test_a_gene_set_adds_what_the_risk_loses_without_it(batch: BagBatch, pool: str) -> None:
    model = SurvivalModel(6, 3, dim=8, pool=pool).eval()
    torch.nn.init.normal_(model.head.weight)
    assert model.gene_set_arm is not None
    model.gene_set_arm.norm.fit(torch.tensor([0.5, -1.0, 0.0]), torch.ones(3))
    found = predict(model, [batch])
    assert found.names == batch.names
    assert np.allclose(found.risk, predict_risk(model, [batch]))
    assert found.survival is None
    scores = batch.gene_sets.clone()
    scores[:, 1] = -1
    without = predict_risk(model, [replace(batch, gene_sets=scores)])
    assert np.allclose(found.ablation[:, 1], found.risk - without, atol=1e-6)
    assert found.ablation[3].tolist() == [0, 0, 0]  # who has no molecules
    assert {name: len(own) for name, own in found.attention.items()} == {"A": 3, "C": 5, "D": 2}


def test_survival_of_discrete_time_falls(batch: BagBatch) -> None:
    model = SurvivalModel(gene_sets=3, outputs=4, dim=8).eval()
    torch.nn.init.normal_(model.head.weight)
    found = predict(model, [batch])
    assert found.survival is not None
    hazards = torch.sigmoid(model(batch)).detach().numpy()
    assert np.allclose(found.survival, np.cumprod(1 - hazards, axis=1), atol=1e-6)
    assert np.allclose(found.risk, -found.survival.sum(axis=1))
    assert found.attention == {}


def test_images_alone_have_no_gene_sets(batch: BagBatch) -> None:
    found = predict(SurvivalModel(6, dim=8).eval(), [replace(batch, gene_sets=batch.gene_sets[:, :0])])
    assert found.ablation.shape == (4, 0)


def test_a_saved_model_says_the_same_and_another_is_refused(batch: BagBatch, tmp_path: Path) -> None:
    model = SurvivalModel(6, 3, dim=8).eval()
    torch.nn.init.normal_(model.head.weight)
    save_model(tmp_path / "own", Saved(model))
    assert np.array_equal(predict_risk(load_survival(tmp_path / "own", "cpu"), [batch]), predict_risk(model, [batch]))
    save_model(tmp_path / "other", Saved(STPath(40, features=4, dim=8, depth=1)))
    with pytest.raises(CheckpointError, match="holds a STPath, not a SurvivalModel"):
        load_survival(tmp_path / "other")
