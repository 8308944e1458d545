"""What maps and bars draw is what the tables say."""

import numpy as np
import pandas as pd
import pytest

from past.report.maps import correlation, extreme_genes, only, task_bars

SPOTS = pd.DataFrame(
    {
        "truth:A": [1.0, 2.0, 3.0, 4.0],
        "predicted:A": [1.0, 2.0, 3.0, np.nan],  # the last spot was measured, and not predicted
        "truth:B": [1.0, 2.0, 3.0, 4.0],
        "predicted:B": [3.0, 2.0, 1.0, np.nan],
        "truth:C": [1.0, 1.0, 1.0, 4.0],
        "predicted:C": [3.0, 2.0, 1.0, np.nan],
    }
)


def test_r_is_of_the_spots_that_were_predicted() -> None:
    assert correlation(SPOTS, "A") == pytest.approx(1)
    assert correlation(SPOTS, "B") == pytest.approx(-1)
    assert np.isnan(correlation(SPOTS, "C"))
    assert np.isnan(correlation(SPOTS.iloc[[0, 3]], "A"))


def test_the_best_and_the_worst_gene_are_those_with_an_r() -> None:
    assert extreme_genes(SPOTS, ["A", "B", "C"]) == ("A", "B")
    assert extreme_genes(SPOTS, ["C"]) is None


def test_only_the_rows_with_these_values() -> None:
    frame = pd.DataFrame({"task": ["a", "a", "b"], "encoder": ["x", "y", "x"], "r": [1, 2, 3]})
    assert only(frame, task="a", encoder="y")["r"].tolist() == [2]


def test_a_bar_is_as_high_as_its_score_and_its_whisker_spans_the_interval() -> None:
    rows = {"task": ["a", "b"], "encoder": ["x", "x"], "pearson_mean_without_nan": [0.5, 0.2]}
    figure = task_bars(pd.DataFrame({**rows, "low": [0.4, 0.1], "high": [0.7, 0.25]}))
    (axis,) = figure.axes
    assert [bar.get_height() for bar in axis.patches] == [0.5, 0.2]  # type: ignore[attr-defined]
    segments = axis.collections[0].get_segments()  # type: ignore[attr-defined]
    assert np.array(segments)[:, :, 1] == pytest.approx(np.array([[0.4, 0.7], [0.1, 0.25]]))
