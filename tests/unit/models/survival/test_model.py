"""The model: its arms, what is missing, and that patients do not see each other."""

from dataclasses import replace

import pytest
import torch

from past.base.errors import ConfigError
from past.models.survival.batch import BagBatch
from past.models.survival.model import SurvivalModel

ARMS = [
    {"features": 6},
    {"gene_sets": 3},
    *({"features": 6, "gene_sets": 3, "pool": p} for p in ("mean", "attention", "gene_sets")),
]


def only(batch: BagBatch, row: int) -> BagBatch:
    start = int(batch.lengths[:row].sum())
    rows = {name: getattr(batch, name)[row : row + 1] for name in ("names", "lengths", "gene_sets", "has_gene_sets")}
    rows |= {name: getattr(batch, name)[row : row + 1] for name in ("time", "event", "interval")}
    return BagBatch(tiles=batch.tiles[start : start + int(batch.lengths[row])], **rows)


@pytest.mark.parametrize("arms", ARMS)
def test_a_patient_is_the_same_alone_and_in_a_batch(batch: BagBatch, arms: dict) -> None:
    model = SurvivalModel(**arms, outputs=2, dim=8).eval()
    torch.nn.init.normal_(model.head.weight)
    for arm in model.missing.values():
        torch.nn.init.normal_(arm)
    outputs, weights = model.with_attention(batch)
    assert outputs.shape == (4, 2)
    alone = torch.cat([model(only(batch, row)) for row in range(4)])
    assert torch.allclose(outputs, alone, atol=1e-6)
    if "features" in arms:
        sums = torch.stack([part.sum() for part in weights.split(batch.lengths.tolist())])
        assert torch.allclose(sums, torch.tensor([1.0, 0, 1, 1]), atol=1e-6)


@pytest.mark.parametrize("arms", ARMS)
def test_every_weight_is_reached_whatever_is_missing(batch: BagBatch, arms: dict) -> None:
    """DDP waits for a gradient of each."""
    model = SurvivalModel(**arms, dim=8)
    none = replace(batch, tiles=batch.tiles[:0], lengths=batch.lengths * 0, has_gene_sets=batch.has_gene_sets & False)
    for of in (batch, none):
        model.zero_grad()
        model(of).sum().backward()
        assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_what_is_missing_is_learned_and_no_zero(batch: BagBatch) -> None:
    model = SurvivalModel(6, 3, dim=8).eval()
    assert not model(batch).any(), "everybody begins with the same risk"
    torch.nn.init.normal_(model.head.weight)
    before = model(batch)
    torch.nn.init.normal_(model.missing["image"])
    assert (model(batch) != before)[:, 0].tolist() == [False, True, False, False]
    torch.nn.init.normal_(model.missing["molecules"])
    assert (model(batch) != before)[:, 0].tolist() == [False, True, False, True]
    other = replace(batch, gene_sets=batch.gene_sets.index_fill(0, torch.tensor([3]), 99.0))
    assert torch.equal(model(other), model(batch)), "scores of who has none say nothing"


def test_molecules_begin_linear(batch: BagBatch) -> None:
    model = SurvivalModel(gene_sets=3, dim=8).eval()
    torch.nn.init.normal_(model.head.weight)
    twice = replace(batch, gene_sets=2 * batch.gene_sets)
    zero = replace(batch, gene_sets=0 * batch.gene_sets)
    middle = model(zero)
    assert torch.allclose(model(twice) - middle, 2 * (model(batch) - middle), atol=1e-5)


@pytest.mark.parametrize(
    ("arms", "said"),
    [
        ({"features": 6, "pool": "max"}, "model.pool=max: use mean, attention, gene_sets"),
        ({}, "neither features nor gene_sets"),
        ({"features": 6, "pool": "gene_sets"}, "needs features and gene sets"),
    ],
)
def test_arms_that_cannot_be_are_refused(arms: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        SurvivalModel(**arms)
