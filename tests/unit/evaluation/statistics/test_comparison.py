"""Two encoders side by side: differences gene by gene, by hand and on simulated tissue."""

import numpy as np
import pytest
from fields import grid, judged, smooth
from scipy import stats

from past.evaluation.statistics.comparison import compare, compare_all
from past.evaluation.statistics.scores import FoldResult, Judged, TaskResult
from past.evaluation.statistics.units import Places

SPOTS = 12


def task(encoder: str, r: dict[int, list[float]]) -> TaskResult:
    """Folds of one patient each, whose genes have exactly these r; NaN: measured constant, 0: predicted constant."""
    folds = []
    for number, of_fold in r.items():
        rng, known = np.random.default_rng(number), np.nan_to_num(np.array(of_fold))
        raw = np.hstack([np.ones((SPOTS, 1)), rng.normal(size=(SPOTS, 2))])
        truth, noise = np.linalg.qr(raw)[0].T[1:]
        predicted = np.outer(truth, known) + np.outer(noise, np.sqrt(1 - known**2))
        predicted[:, known == 0] = 0.5
        measured = np.where(np.isnan(of_fold), 1.0, truth[:, None])
        names = np.repeat(f"P{number}", SPOTS)
        spots = Judged(measured, predicted, Places(names, names, grid(4)[:SPOTS]))
        folds.append(FoldResult.of(number, tuple(f"G{i}" for i in range(len(known))), spots, 9))
    return TaskResult("IDC", encoder, tuple(folds))


ONE = task("one", {k: [0.5 + 0.01 * k, 0.3 - 0.02 * k, 0.2, 0.4] for k in range(6)})
OTHER = task("other", {k: [0.3, 0.3, 0.2 + 0.01 * k, float("nan") if k == 5 else 0.1] for k in range(1, 7)})


def test_the_difference_is_that_of_the_folds_that_both_ran() -> None:
    found = compare(ONE, OTHER)
    assert found
    differences = np.array([[0.2 + 0.01 * k, -0.02 * k, -0.01 * k] for k in range(1, 6)])  # G3 is constant in one fold
    expected = stats.ttest_1samp(differences, 0)
    ends = expected.confidence_interval()
    assert [row["gene"] for row in found.genes] == ["G0", "G1", "G2"]
    for name, values in (
        ("difference", differences.mean(axis=0)),
        ("low", ends.low),
        ("high", ends.high),
        ("p", expected.pvalue),
        ("q", stats.false_discovery_control(expected.pvalue)),
    ):
        assert [row[name] for row in found.genes] == pytest.approx(values), name
    with_g3 = [[*row, 0.3] for row in differences[:4]] + [differences[4]]
    assert found.summary["mean_difference"] == pytest.approx(np.mean([np.mean(row) for row in with_g3]))
    counted = {name: found.summary[name] for name in ("genes", "wins", "losses", "certain_wins", "certain_losses")}
    assert counted == {"genes": 3, "wins": 1, "losses": 2, "certain_wins": 1, "certain_losses": 2}
    assert (found.summary["resampled"], found.summary["units"]) == ("patients", 5)


def test_a_constant_prediction_has_no_skill() -> None:
    found = compare(ONE, task("flat", {k: [0.0] * 4 for k in range(6)}))
    assert found
    assert [row["difference"] for row in found.genes] == pytest.approx([0.525, 0.25, 0.2, 0.4])
    assert found.summary["certain_wins"] == 4


def test_too_few_units_call_nothing_certain() -> None:
    found = compare(*(task(name, {0: [r, r]}) for name, r in (("one", 0.9), ("other", 0.1))))
    assert found
    assert (found.summary["resampled"], found.summary["units"]) == ("blocks", 12)
    coords = grid(4)
    trend, names = coords.sum(axis=1, keepdims=True), np.repeat("P", 16)
    places = Places(names, names, coords)
    found = compare(judged("one", trend**2, trend, places), judged("other", trend**2, -trend, places))
    assert found
    assert found.genes[0]["difference"] > 1.5
    assert [found.genes[0][name] for name in ("low", "high", "p", "q")] == [None] * 4
    assert [found.summary[name] for name in ("certain_wins", "certain_losses", "low", "p")] == [None] * 4
    assert found.summary["units"] == 1


def test_folds_of_other_spots_are_not_compared() -> None:
    (fold,) = task("other", {0: [0.5] * 4}).folds
    assert fold.spots
    places = fold.spots.places
    moved = Judged(fold.spots.truth, fold.spots.predicted, Places(places.patients, places.sections, places.coords + 1))
    assert compare(ONE, TaskResult("IDC", "other", (FoldResult.of(0, fold.genes, moved, 9),))) is None
    assert compare(ONE, ONE.without_spots) is None


def test_every_two_encoders_are_compared_on_every_task() -> None:
    elsewhere = TaskResult("PRAD", "one", ONE.folds)
    pairs = [(found.summary["task"], found.summary["other"]) for found in compare_all([ONE, OTHER, elsewhere])]
    assert pairs == [("IDC", "other")]


@pytest.mark.slow  # 120 tasks of ten simulated sections
@pytest.mark.parametrize("length", [0, 1, 2, 4])
def test_a_method_that_is_better_by_005_is_found_on_ten_sections(length: int) -> None:
    """By its mean over 50 genes; of single genes there is too little tissue unless spots are independent."""
    runs, sections, genes, spots = 30, 10, 50, grid(20)
    rng, names = np.random.default_rng(length), np.repeat([f"S{i}" for i in range(sections)], len(spots))
    places = Places(np.repeat("P", len(names)), names, np.tile(spots, (sections, 1)))
    found, by_gene, false = [], [], []
    for _ in range(runs):
        fields = smooth(spots, length, sections * 4 * genes, rng).reshape(len(spots), sections, 4, genes)
        truth, *noise = fields.transpose(2, 1, 0, 3).reshape(4, -1, genes)
        better, one, other = (
            judged("", truth, r * truth + np.sqrt(1 - r**2) * own, places)
            for r, own in zip((0.55, 0.5, 0.5), noise, strict=True)
        )
        right, wrong = compare(better, one), compare(other, one)
        assert right
        assert wrong
        found.append(right.summary["low"] > 0)
        by_gene.append(right.summary["certain_wins"] / genes)
        false.append((wrong.summary["certain_wins"] + wrong.summary["certain_losses"]) / genes)
    print(f"{length=} found={np.mean(found):.2f}, genes found={np.mean(by_gene):.2f}, false={np.mean(false):.3f}")
    assert np.mean(found) >= 0.8
    assert np.mean(false) <= 0.07
