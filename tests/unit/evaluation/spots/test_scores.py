"""Scores of spots by hand: whose genes a mean stands on, and what a constant is worth."""

import numpy as np
import pytest

from past.evaluation.spots.scores import ScoredSpots, by_gene, pooled, score_spots
from past.evaluation.statistics.units import Places

TRUTH = np.array([[1.0, 0.0, 5.0], [2.0, 1.0, 5.0], [3.0, 0.0, 5.0], [4.0, 1.0, 5.0]])  # the last gene is constant
GOOD = np.array([[2.0, 1.0, 0.0], [4.0, 0.0, 1.0], [6.0, 1.0, 2.0], [8.0, 0.0, 3.0]])  # r = 1, -1, not defined
FLAT = np.full((4, 3), 2.5)


def scored(name: str = "S1", patient: str = "A") -> ScoredSpots:
    places = Places(np.repeat(patient, 4), np.repeat(name, 4), np.array([[0, 0], [0, 9], [9, 0], [9, 9]]))
    return ScoredSpots("section", name, places, TRUTH, {"good": GOOD, "flat": FLAT})


def test_all_ways_are_averaged_over_the_genes_whose_truth_varies() -> None:
    good, flat = score_spots(scored(), ["G0", "G1", "G2"], tops=[1, 2, 3], seed=0)
    assert [good.row[f"pearson@{top}"] for top in (1, 2, 3)] == pytest.approx([1, 0, 0])
    assert [flat.row[f"pearson@{top}"] for top in (1, 2, 3)] == [0, 0, 0]  # no skill
    assert good.row["constant_genes"] == flat.row["constant_genes"] == "G2"
    assert good.row["l2@1"] == pytest.approx((1 + 4 + 9 + 16) / 4)
    assert (good.row["pearson@1/low"], good.row["pearson@1/high"]) == (pytest.approx(1), pytest.approx(1))
    assert [good.row[f"genes@{top}"] for top in (1, 2, 3)] == [1, 2, 2]
    assert [good.row[f"constant_predictions@{top}"] for top in (1, 2, 3)] == [0, 0, 0]
    assert [flat.row[f"constant_predictions@{top}"] for top in (1, 2, 3)] == [1, 2, 2]
    assert (good.row["resampled"], good.row["units"], good.row["patient"]) == ("blocks", 4, "A")
    table = by_gene(good).set_index("gene")
    assert table.loc["G1", "pearson"] == pytest.approx(-1)
    assert np.isnan(table.loc["G2", "pearson"])
    assert table.loc["G0", "l2_error"] == pytest.approx(7.5)


def test_slides_are_laid_end_to_end_with_all_their_patients() -> None:
    both = pooled([scored(), scored("S2", "B"), scored("S3", "A")])
    assert (both.scope, both.name) == ("all", "all")
    assert score_spots(both, ["G0", "G1", "G2"], tops=[1], seed=0)[0].row["patient"] == "A, B"
    assert both.places.sections.tolist() == ["S1"] * 4 + ["S2"] * 4 + ["S3"] * 4
    assert both.truth.shape == (12, 3)
    assert both.predicted["good"][4:8].tolist() == GOOD.tolist()
