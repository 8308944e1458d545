"""What maps and bars draw is what the tables say."""

import numpy as np
import pandas as pd
import pytest

from past.report.maps import only, section_maps, task_bars


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


def test_an_interval_that_is_not_there_is_not_drawn() -> None:
    rows = {"task": ["a", "b"], "encoder": ["x", "x"], "pearson_mean_without_nan": [0.5, 0.2]}
    (axis,) = task_bars(pd.DataFrame({**rows, "low": [0.4, None], "high": [0.7, None]})).axes
    assert len(axis.patches) == 2
    assert [len(line) for line in axis.collections[0].get_segments()] == [2, 0]  # type: ignore[attr-defined]


def test_maps_say_the_r_that_they_were_given() -> None:
    spots = pd.DataFrame({name: [1.0, 2.0] for name in ("x", "y", "truth:A", "predicted:A")})
    figure = section_maps([("S1", spots, [("A", 0.9), ("A", 0.9)])])
    assert [axis.get_title(loc="left") for axis in figure.axes] == [
        "best: A, r = 0.90", "predicted", "worst: A, r = 0.90", "predicted"
    ]  # fmt: skip
