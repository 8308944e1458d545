"""The task: three folds in one command, what it writes, and that its numbers are those of its patients."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from survival_sides import side
from tiny_training import composed

import past.evaluate as judge
from past.base.errors import ConfigError
from past.evaluation.statistics.concordance import harrell
from past.evaluation.survival.baselines import COVARIATES, FEATURES, SETS, Risks
from past.evaluation.survival.scores import NAMES
from past.evaluation.survival.task import JOINED, MODEL, POOLED, SurvivalTask, Ways, is_high, scored

pytest.importorskip("sksurv", reason="needs the extra survival")


@pytest.fixture(scope="module")
def results(runs: Path) -> Path:
    words = ("task=survival", "name=survival", "run_id=null", f"output_root={runs}", "task.resamplings=200")
    return judge.evaluate(composed("evaluate", *words))


def test_all_folds_of_a_name_are_one_result(runs: Path, results: Path) -> None:
    assert results == runs / "survival" / "folds" / "results"
    content = json.loads((results / "survival.json").read_text())
    rows = pd.DataFrame(content["rows"])
    assert set(rows["by"]) >= {MODEL, JOINED, COVARIATES, SETS, FEATURES}
    assert rows.groupby("by").size().eq(4).all()
    patients = pd.read_parquet(results / "survival.parquet")
    assert patients.groupby("by").size().eq(60).all(), "every patient was held out once"
    own = patients[patients["by"] == MODEL]
    folds = [
        harrell(*(part[name].to_numpy() for name in ("time", "event", "risk"))).value for _, part in own.groupby("fold")
    ]
    (whole,) = rows[(rows["by"] == MODEL) & (rows["fold"] == POOLED)].to_dict("records")
    assert (whole["c"], whole["c/std"]) == (pytest.approx(np.mean(folds)), pytest.approx(np.std(folds)))
    assert whole["c/low"] < whole["c"] < whole["c/high"]
    assert whole["c"] > 0.65
    assert own["has_slides"].sum() == 57
    assert own["has_gene_sets"].sum() == 57
    had = pd.DataFrame(content["had"])
    assert had[had["side"] == "test"][["both", "slides alone", "gene sets alone"]].sum().tolist() == [54, 3, 3]
    assert set(pd.read_csv(results / "survival.csv")) == set(rows)
    assert "Survival of high and low risk" in (results / "report.html").read_text()


def test_one_run_alone(runs: Path) -> None:
    found = judge.evaluate(
        composed("evaluate", "task=survival", "name=survival", "run_id='1'", f"output_root={runs}", "task.shown=0")
    )
    rows = json.loads((found / "survival.json").read_text())["rows"]
    assert {row["fold"] for row in rows} == {1}


def test_a_clear_lead_is_certain_and_the_same_way_leads_by_nothing() -> None:
    (train, known), (test, risk) = side(150, 0), side(100, 1)
    noise = np.random.default_rng(2).normal(size=100)
    ways = {"ours": [Risks(known, risk)], "same": [Risks(known, risk)], "noise": [Risks(known, noise)]}
    rows, paired = scored([Ways(0, train, test, ways), Ways(1, train, test, ways)], 300, seed=0)
    assert [row["fold"] for row in rows] == [0, 1, POOLED] * 3
    lead = {(row["other"], row["score"]): row for row in paired}
    assert {name for _, name in lead} == set(NAMES)
    assert (lead["same", "c"]["difference"], lead["same", "c"]["p"]) == (0, 1)
    assert lead["noise", "c"]["low"] > 0.03
    assert lead["noise", "c"]["p"] < 0.01


def test_seeds_are_averaged_and_their_mean_risk_parts_the_patients() -> None:
    (train, known), (test, risk) = side(150, 0), side(100, 1)
    other = risk + np.random.default_rng(2).normal(size=100)
    seeds = [Risks(known, risk), Risks(known, other)]
    one, two, both = (
        scored([Ways(0, train, test, {"ours": own})], 100, 0)[0][0]["c"] for own in (seeds[:1], seeds[1:], seeds)
    )
    assert both == pytest.approx((one + two) / 2)
    assert is_high(seeds[:1]).tolist() == (risk > np.median(known)).tolist()


def test_a_setting_out_of_range_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"task.resamplings=10"):
        SurvivalTask(resamplings=10)


def test_a_fold_in_which_nobody_has_an_event_has_no_c_and_no_say() -> None:
    (train, known), (test, risk) = side(150, 0), side(60, 1)
    lives = replace(test, event=np.zeros(60, dtype=bool))
    own = {"ours": [Risks(known, risk)]}
    rows, _ = scored([Ways(0, train, test, own), Ways(1, train, lives, own)], 100, 0)
    assert rows[1]["c"] is None
    assert rows[2]["c"] == rows[0]["c"]
