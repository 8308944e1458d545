"""Intervals of r: of folds with genes of their own, by hand, and how often they hold on simulated tissue.

What an interval is meant to cover is the correlation of truth and prediction in tissue like that judged: in the
simulation the correlation of the fields that both are drawn from.
"""

import numpy as np
import pytest
from fields import grid, judged, section, smooth

from past.evaluation.statistics.comparison import compare
from past.evaluation.statistics.left_out import LeftOut
from past.evaluation.statistics.scores import FoldResult, Judged, TaskResult
from past.evaluation.statistics.units import Places

RUNS, GENES, R = 200, 10, 0.5


def fold(number: int, genes: str, patients: str, seed: int) -> FoldResult:
    """A fold of 12 spots for each letter in `patients`; a gene for each letter in `genes`."""
    rng, spots = np.random.default_rng(seed), 12 * len(patients)
    truth = rng.normal(size=(spots, len(genes)))
    names = np.repeat(list(patients), 12)
    coords = np.tile(grid(4)[:12], (len(patients), 1))
    spots = Judged(truth, truth + rng.normal(size=truth.shape), Places(names, names, coords))
    return FoldResult.of(number, tuple(genes), spots, 9)


def test_a_gene_stands_on_the_patients_of_the_folds_that_score_it() -> None:
    result = TaskResult("IDC", "one", (fold(0, "abc", "PQR", 0), fold(1, "ab", "STU", 1), fold(2, "cd", "VW", 2)))
    found = LeftOut.of(result)
    assert (found.units.kind, found.units.count) == ("patients", 8)
    names, genes = found.by_gene()
    assert names == list("abcd")
    assert genes.freedom.tolist() == [5, 5, 4, 1]
    assert np.isnan(genes.error).tolist() == [False, False, False, True]  # d: two patients
    expected = [result.by_gene[name].mean() for name in names]
    np.testing.assert_allclose(genes.value, expected)
    assert found.mean().value == pytest.approx(np.mean([f.scores.pearson.mean() for f in result.folds]))
    assert found.mean(1).value == pytest.approx(np.mean([f.scores.pearson[0] for f in result.folds]))


def test_a_mean_without_a_unit_is_the_mean_scored_again() -> None:
    parts = (fold(0, "abc", "PQR", 0), fold(1, "ab", "S", 1), fold(2, "cd", "VW", 2))
    found = LeftOut.of(TaskResult("IDC", "one", parts))
    left = [parts[1], parts[2]]  # patient Q is left out of the first fold, which P and R are the rest of
    assert parts[0].spots
    rest = parts[0].spots.places.patients != "Q"
    again = FoldResult.of(
        0, ("a", "b", "c"), Judged(parts[0].spots.truth[rest], parts[0].spots.predicted[rest], section(grid(2))), 9
    )
    without_q = np.mean([fold.scores.pearson.mean() for fold in [again, *left]])
    without_s = np.mean([fold.scores.pearson.mean() for fold in (parts[0], parts[2])])  # the second fold is S's alone
    means = np.stack([without.mean(axis=1) for without in found.without])
    assert means[:, 1].mean() == pytest.approx(without_q)
    assert np.nanmean(means[:, 3]) == pytest.approx(without_s)
    values = [np.nanmean(means[:, unit]) for unit in range(6)]
    assert found.mean().error == pytest.approx(np.sqrt(5 / 6 * ((values - np.mean(values)) ** 2).sum()))
    firsts = [np.nanmean([without[unit, 0] for without in found.without]) for unit in range(6)]
    assert found.mean(1).error == pytest.approx(np.sqrt(5 / 6 * ((firsts - np.mean(firsts)) ** 2).sum()))


def test_one_block_is_no_interval() -> None:
    coords = grid(4)
    trend = coords.sum(axis=1, keepdims=True)
    found = LeftOut.of(
        judged("one", trend + np.random.default_rng(0).normal(size=(16, 1)) * 0.01, -trend, section(coords))
    )
    assert found.units.count == 1
    assert np.isnan(found.mean().interval()).all()
    assert np.isnan(found.by_gene()[1].error).all()


@pytest.mark.slow  # 1,600 simulated sections
@pytest.mark.parametrize("hexagonal", [False, True])
@pytest.mark.parametrize("length", [0, 1, 2, 4])
def test_intervals_cover_and_equal_methods_are_seldom_called_different(length: int, hexagonal: bool) -> None:
    rng, coords = np.random.default_rng(length), grid(20, hexagonal)
    fields = smooth(coords, length, 3 * RUNS * GENES, rng).reshape(len(coords), RUNS, 3, GENES)
    covered, called = [], []
    for truth, *noise in fields.transpose(1, 2, 0, 3):
        one, other = (
            judged(name, truth, R * truth + np.sqrt(1 - R**2) * own, section(coords))
            for name, own in zip(("one", "other"), noise, strict=True)
        )
        low, high = LeftOut.of(one).by_gene()[1].interval_of_r()
        covered.append((low <= R) & (high >= R))  # an interval that is empty covers nothing
        found = compare(one, other)
        assert found
        called.append([row["q"] < 0.05 for row in found.genes])
    print(f"{length=} {hexagonal=} covered={np.mean(covered):.3f} called different={np.mean(called):.3f}")
    assert 0.90 <= np.mean(covered) <= 0.98
    assert np.mean(called) <= 0.07
