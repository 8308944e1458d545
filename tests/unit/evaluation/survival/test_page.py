"""The page of survival results, from files alone."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from past.base.errors import DataError
from past.evaluation.survival.page import blocks
from past.evaluation.survival.scores import NAMES


@pytest.fixture
def results(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows, tables = [], []
    for by in ("model", "covariates"):
        for fold in (0, 1, "all"):
            scores = {
                name: value for key in NAMES for name, value in ((key, 0.6), (f"{key}/low", 0.5), (f"{key}/high", 0.7))
            }
            scores |= {f"{key}/std": 0.05 if fold == "all" else None for key in NAMES}
            about = {"fold": fold, "by": by, "patients": 20, "events": 9, "log_rank_p": 0.00001, "units": 20}
            rows.append(about | scores | {"resampled": "patients"})
        time, risk = rng.uniform(1, 60, 20), rng.normal(size=20)
        own = {
            "fold": 0,
            "case_id": [f"P{i}" for i in range(20)],
            "by": by,
            "time": time,
            "event": rng.random(20) < 0.5,
        }
        tables.append(pd.DataFrame(own | {"risk": risk, "high": risk > 0}))
    pair = {"by": "model", "other": "covariates", "difference": 0.01, "low": -0.1, "high": 0.2, "p": 0.7}
    had = [{"fold": 0, "side": "test", "patients": 20, "sites on both sides": "H1"}]
    content = {"rows": rows, "paired": [pair | {"score": name} for name in NAMES], "had": had}
    (tmp_path / "survival.json").write_text(json.dumps(content))
    pd.concat(tables).to_parquet(tmp_path / "survival.parquet")
    pd.DataFrame({"gene_set": ["a", "b"] * 5, "risk": rng.normal(size=10)}).to_csv(tmp_path / "survival_gene_sets.csv")
    tiles = {"case_id": "P0", "slide": "S0", "risk": 1.0, "x": range(9), "y": range(9), "attention": 1 / 9}
    pd.DataFrame(tiles).to_parquet(tmp_path / "survival_attention.parquet")
    return tmp_path


def test_the_page_says_it_all(results: Path) -> None:
    found = {block.title: block for block in blocks(results)}
    assert list(found) == [
        "Survival of high and low risk", "Survival: scores", "Survival: two by two", "Survival: fold by fold",
        "Survival: patients", "Gene sets", "Where the model looked",
    ]  # fmt: skip
    assert "0.600 [0.500, 0.700] ± 0.050" in found["Survival: scores"].table
    assert "&lt; 0.0001" in found["Survival: scores"].table
    assert "0.010 [-0.100, 0.200], p 0.7000" in found["Survival: two by two"].table
    assert "H1" in found["Survival: patients"].table
    assert found["Gene sets"].image
    assert found["Where the model looked"].image


def test_nothing_was_judged_and_results_that_lack_a_part(
    results: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert blocks(tmp_path_factory.mktemp("empty")) == []
    (results / "survival.parquet").unlink()
    with pytest.raises(DataError):
        blocks(results)
