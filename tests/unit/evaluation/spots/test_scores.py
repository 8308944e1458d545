"""Scores of spots by hand: whose genes a mean stands on, and what a constant is worth."""

import numpy as np
import pytest

from past.evaluation.spots.scores import ScoredSpots, by_gene, pooled, score_spots

TRUTH = np.array([[1.0, 0.0, 5.0], [2.0, 1.0, 5.0], [3.0, 0.0, 5.0], [4.0, 1.0, 5.0]])  # the last gene is constant
GOOD = np.array([[2.0, 1.0, 0.0], [4.0, 0.0, 1.0], [6.0, 1.0, 2.0], [8.0, 0.0, 3.0]])  # r = 1, -1, not defined
FLAT = np.full((4, 3), 2.5)


def scored(name: str = "S1", patient: str = "A") -> ScoredSpots:
    return ScoredSpots("section", name, patient, TRUTH, {"good": GOOD, "flat": FLAT})


def test_all_ways_are_averaged_over_the_genes_whose_truth_varies() -> None:
    good, flat = score_spots(scored(), ["G0", "G1", "G2"], tops=[1, 2, 3], resamples=20, seed=0)
    assert [good.row[f"pearson@{top}"] for top in (1, 2, 3)] == pytest.approx([1, 0, 0])
    assert [flat.row[f"pearson@{top}"] for top in (1, 2, 3)] == [0, 0, 0]  # no skill
    assert good.row["constant_genes"] == flat.row["constant_genes"] == "G2"
    assert good.row["l2@1"] == pytest.approx((1 + 4 + 9 + 16) / 4)
    assert (good.row["pearson@1/low"], good.row["pearson@1/high"]) == (pytest.approx(1), pytest.approx(1))
    table = by_gene(good).set_index("gene")
    assert table.loc["G1", "pearson"] == pytest.approx(-1)
    assert np.isnan(table.loc["G2", "pearson"])
    assert table.loc["G0", "l2_error"] == pytest.approx(7.5)


def test_slides_are_laid_end_to_end_with_all_their_patients() -> None:
    both = pooled([scored(), scored("S2", "B"), scored("S3", "A")])
    assert (both.scope, both.name, both.patient) == ("all", "all", "A, B")
    assert both.truth.shape == (12, 3)
    assert both.predicted["good"][4:8].tolist() == GOOD.tolist()
