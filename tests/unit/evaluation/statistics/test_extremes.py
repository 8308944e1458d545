"""Best and worst gene of a section, by the rule for constants."""

import numpy as np
import pandas as pd
import pytest

from past.evaluation.statistics.extremes import extreme_genes

SPOTS = pd.DataFrame(
    {
        "truth:A": [1.0, 2.0, 3.0, 4.0],
        "predicted:A": [1.0, 2.0, 3.0, np.nan],  # the last spot was measured, and not predicted
        "truth:B": [1.0, 2.0, 3.0, 4.0],
        "predicted:B": [2.0, 1.0, 3.0, np.nan],
        "truth:C": [1.0, 1.0, 1.0, 4.0],
        "predicted:C": [3.0, 2.0, 1.0, np.nan],
        "truth:D": [1.0, 2.0, 3.0, 4.0],
        "predicted:D": [2.0, 2.0, 2.0, np.nan],
    }
)


def test_r_is_of_the_spots_that_were_predicted() -> None:
    assert extreme_genes(SPOTS, ["B", "A", "C"]) == [("A", pytest.approx(1)), ("B", pytest.approx(0.5))]


def test_a_constant_prediction_is_the_worst_where_others_have_skill() -> None:
    assert extreme_genes(SPOTS, ["A", "B", "D"]) == [("A", pytest.approx(1)), ("D", 0)]


def test_there_is_none_where_no_truth_varies() -> None:
    assert extreme_genes(SPOTS, ["C"]) is None
    assert extreme_genes(SPOTS.iloc[[0, 3]], ["A"]) is None
