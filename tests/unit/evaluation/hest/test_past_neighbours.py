"""PAST without a head: the expression of the nearest transcriptomes."""

import json
from pathlib import Path

import numpy as np
import pytest
from tiny_bench import GENES, SPOTS, fold_of, judge

from past.base.errors import ConfigError, DataError
from past.evaluation.hest.past_neighbours import PASTNeighbours
from past.evaluation.hest.task import HestBench
from past.models.past.tower import PASTTower
from past.nn.colour import ColourGrid

SAID = {"technology": "Visium", "species": "human"}


def test_a_tile_gets_the_expression_of_its_nearest_transcriptomes(bench: Path, past: Path) -> None:
    fold = fold_of(bench, 0)
    nearest = PASTNeighbours(past, 1, bench / "cache", **SAID)
    assert not nearest.takes_recoloured_tiles  # there is none without the mean colour
    one = nearest.predict(fold)
    expression = np.concatenate([spots.expression for spots in fold.train])
    assert one.shape == (SPOTS, len(GENES))
    assert all((row == expression).all(axis=1).any() for row in one.astype(np.float64))
    every = PASTNeighbours(past, 2 * SPOTS, bench / "cache", **SAID).predict(fold)
    assert ((every >= expression.min(axis=0)) & (every <= expression.max(axis=0))).all()
    with pytest.raises(DataError, match=r"IDC fold 0: encoder.k=61, but only 60 training spots: use ≤ 60"):
        PASTNeighbours(past, 61, bench / "cache", **SAID).predict(fold)
    with pytest.raises(DataError, match=r"no uns\['meta'\]\['platform'\]: give encoder.technology="):
        PASTNeighbours(past, 1, bench / "cache").predict(fold)


def test_each_fold_has_its_model_and_its_exposure_is_told(bench: Path, past: Path) -> None:
    encoders = {"tower": PASTTower(past), "joint": PASTTower(past, "joint"), "grid": ColourGrid(2)}
    judge(HestBench(bench, bench / "cache", components=4), encoders, bench / "results")
    content = json.loads((bench / "results" / "hest_bench.json").read_text())
    # fold 2 has no checkpoint
    assert {(row["encoder"], row["folds"]) for row in content["rows"] if row["task"] == "IDC"} == {
        ("tower", 2), ("joint", 2), ("grid", 3),
    }  # fmt: skip
    assert "past-2" in content["failures"][0]["reason"]
    exposure = content["trained_on_test_patients"]
    assert exposure["tower"] == {"IDC fold 0": [], "IDC fold 1": ["B"]}
    assert exposure["grid"] == {f"IDC fold {k}": None for k in range(3)}
    with pytest.raises(ConfigError, match="output='other'"):
        PASTTower(past, "other")  # type: ignore[arg-type]
