"""Two encoders side by side: differences gene by gene, by hand."""

import numpy as np
import pytest

from past.evaluation.statistics.comparison import compare, compare_all, count_wins
from past.evaluation.statistics.genes import GeneScores
from past.evaluation.statistics.scores import FoldResult, TaskResult

GENES = ("G0", "G1", "G2")


def result(encoder: str, *folds: tuple[int, list[float]]) -> TaskResult:
    """Folds with these r, and draws that spread by ± 0.05 around them."""
    made = []
    for number, r in folds:
        scores = GeneScores(np.array(r), np.zeros(3), np.zeros(3), np.zeros(3, dtype=bool))
        made.append(FoldResult(number, GENES, scores, np.array(r) + np.linspace(-0.05, 0.05, 41)[:, None], 9, 9))
    return TaskResult("IDC", encoder, tuple(made))


ONE = result("one", (0, [0.5, 0.3, np.nan]), (1, [0.7, 0.1, 0.2]))
FLAT = TaskResult(
    "IDC",
    "flat",
    tuple(
        FoldResult(k, GENES, GeneScores(*np.zeros((3, 3)), np.ones(3, dtype=bool)), np.zeros((41, 3)), 9, 9)
        for k in range(3)
    ),
)


def test_the_difference_is_the_mean_over_the_folds_that_both_ran() -> None:
    other = result("other", (1, [0.4, 0.4, 0.4]), (2, [0.0, 0.0, 0.0]))
    rows = compare(ONE, other)
    assert [row["gene"] for row in rows] == list(GENES)
    assert [row["difference"] for row in rows] == pytest.approx([0.3, -0.3, -0.2])
    assert [row["low"] for row in rows] == pytest.approx([row["high"] for row in rows])  # the same resamples
    assert count_wins(rows) == [
        {
            **{"task": "IDC", "encoder": "one", "other": "other", "genes": 3},
            **{"wins": 1, "losses": 2, "certain_wins": 1, "certain_losses": 2},
            "mean_difference": pytest.approx(-0.2 / 3),
        }
    ]


def test_a_constant_prediction_is_compared_and_a_constant_gene_is_not() -> None:
    rows = compare(ONE, FLAT)
    assert [row["gene"] for row in rows] == ["G0", "G1"]
    assert [row["difference"] for row in rows] == pytest.approx([0.6, 0.2])
    # the draws run in 41 steps of 0.0025 from -0.05 to 0.05 around it: 2.5 % of them is one step
    assert [row["low"] for row in rows] == pytest.approx([0.6 - 0.0475, 0.2 - 0.0475])
    assert [row["high"] for row in rows] == pytest.approx([0.6 + 0.0475, 0.2 + 0.0475])


def test_every_two_encoders_are_compared_on_every_task() -> None:
    elsewhere = TaskResult("PRAD", "one", ONE.folds)
    rows = compare_all([ONE, FLAT, elsewhere])
    assert {(row["task"], row["encoder"], row["other"]) for row in rows} == {("IDC", "one", "flat")}
