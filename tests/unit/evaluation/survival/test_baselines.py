"""The regressions reproduce the published cohorts' table, and do what their formula says."""

from pathlib import Path

import numpy as np
import pytest

from past.base.errors import DataError
from past.evaluation.statistics.concordance import harrell
from past.evaluation.survival.baselines import (
    BOTH,
    COVARIATES,
    FEATURES,
    SETS,
    Risks,
    Side,
    baselines,
    ridge_cox,
    together,
)
from past.evaluation.survival.fold import side_of
from past.models.survival.samples.bags import BagSamples
from past.models.survival.samples.patients import Columns

pytest.importorskip("sksurv", reason="needs the extra survival")
# README of the cohorts: patients, events; C of ridge on hallmarks, mean and deviation over folds; of age + sex
TABLE = {
    ("blca", "_dss"): (359, 113, 0.603, 0.088, 0.567, 0.040),
    ("blca", ""): (359, 156, 0.564, 0.073, 0.610, 0.039),
    ("coadread", "_dss"): (296, 37, 0.582, 0.072, 0.444, 0.109),
    ("coadread", ""): (296, 58, 0.553, 0.077, 0.578, 0.125),
    ("stad", "_dss"): (318, 84, 0.581, 0.101, 0.518, 0.079),
    ("stad", ""): (318, 120, 0.582, 0.072, 0.528, 0.040),
}


def sides(folder: Path, cohort: str, end_point: str, fold: int) -> tuple[Side, Side]:
    columns = Columns(
        f"survival_months{end_point}", None, f"censorship{end_point}", ["age", "is_female"], missing="mean"
    )
    samples = BagSamples(
        f"{folder}/{cohort}_fold_{{fold}}.csv",
        fold,
        columns,
        gene_sets=f"{folder}/hallmarks.csv",
        expression=f"{folder}/rna_{cohort}.csv.gz",
    )
    samples.open(f"{folder}/{cohort}.csv", Path(), 0)
    return side_of(samples, samples.sides.train), side_of(samples, samples.sides.test)


@pytest.mark.parametrize(("cohort", "end_point"), TABLE)
def test_the_real_cohorts_table(real_data: Path, cohort: str, end_point: str) -> None:
    """To 1e-3, but for age + sex of STAD: its three missing ages were imputed with the test side's help there."""
    folder = real_data / "survival"
    if not folder.is_dir():
        pytest.skip(f"no cohorts in {folder}")
    patients, events, *told = TABLE[cohort, end_point]
    found: dict[str, list[float]] = {SETS: [], COVARIATES: []}
    tested: list[Side] = []
    for fold in range(5):
        train, test = sides(folder, cohort, end_point, fold)
        made = baselines(train, test)
        assert set(made) == {COVARIATES, SETS, BOTH}
        tested.append(test)
        for name, scores in found.items():
            scores.append(harrell(test.time, test.event, made[name].test).value)
    assert sum(len(side.names) for side in tested) == patients
    assert sum(int(side.event.sum()) for side in tested) == events
    assert [np.mean(found[SETS]), np.std(found[SETS])] == pytest.approx(told[:2], abs=1e-3)
    assert np.mean(found[COVARIATES]) == pytest.approx(told[2], abs=1e-3)
    assert np.std(found[COVARIATES]) == pytest.approx(told[3], abs=1.5e-3)


def made_up(n: int, k: int, seed: int = 0) -> Side:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, k))
    time = rng.exponential(np.exp(-values[:, 0])) + 0.01
    none = np.zeros((n, 0))
    return Side(tuple(map(str, range(n))), time, rng.random(n) < 0.7, none, values, none)


def test_what_is_there_decides_which_regressions_there_are() -> None:
    side = made_up(40, 3)
    assert set(baselines(side, side)) == {SETS}
    more = Side(side.names, side.time, side.event, side.gene_sets[:, :1], side.gene_sets, side.gene_sets)
    assert set(baselines(more, more)) == {COVARIATES, SETS, BOTH, FEATURES}


def test_the_penalised_likelihood_has_no_slope_at_the_fit() -> None:
    """Autograd of Cox's likelihood plus ½ α β² per patient, by differences."""
    side, alpha = made_up(50, 2), 5.0
    fitted = ridge_cox(side, side.gene_sets, side.gene_sets, np.full(2, alpha))
    z = (side.gene_sets - side.gene_sets.mean(0)) / side.gene_sets.std(0, ddof=1)
    beta = np.linalg.lstsq(z, fitted.train, rcond=None)[0]

    def penalised(beta: np.ndarray) -> float:
        eta = z @ beta
        exposed = np.array([np.exp(eta[side.time >= t]).sum() for t in side.time])
        return -(eta - np.log(exposed))[side.event].sum() / len(z) + alpha / 2 * (beta**2).sum() / len(z)

    slopes = [(penalised(beta + d) - penalised(beta - d)) / 2e-4 for d in 1e-4 * np.eye(2)]
    assert slopes == pytest.approx([0, 0], abs=1e-5)


def test_more_columns_than_patients_are_the_same_fit() -> None:
    side, other = made_up(30, 45), made_up(10, 45, seed=1)
    short = ridge_cox(side, side.gene_sets, other.gene_sets, np.full(45, 15.0))
    almost = np.full(45, 15.0)
    almost[0] += 1e-9  # two penalties: fitted column by column
    assert np.allclose(short.test, ridge_cox(side, side.gene_sets, other.gene_sets, almost).test, atol=1e-5)


def test_what_is_missing_is_the_training_mean_and_a_constant_says_nothing() -> None:
    side = made_up(40, 3)
    own = np.c_[side.gene_sets, np.ones(40)]
    own[0, 1] = np.nan
    filled = own.copy()
    filled[0, 1] = np.nanmean(own[:, 1])
    one, other = (ridge_cox(side, part, part, np.full(4, 2.0)) for part in (own, filled))
    assert np.allclose(one.test, other.test)
    with pytest.raises(DataError, match="nobody on the training side has a value"):
        ridge_cox(side, np.full((40, 1), np.nan), own[:, :1], np.ones(1))


def test_two_ways_together_weigh_the_same() -> None:
    one, other = Risks(np.array([0.0, 10.0]), np.array([10.0])), Risks(np.array([1.0, 3.0]), np.array([1.0]))
    found = together(one, other)
    assert (found.train.tolist(), found.test.tolist()) == ([-1, 1], [0])
    assert together(one) is one
