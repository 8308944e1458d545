"""A gene's scatter says its r, or why it has none."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from past.evaluation.statistics.pearson import gene_pearson
from past.report.measured import said_of, scatter_figure


@pytest.mark.filterwarnings("error")
def test_r_stands_in_the_title_or_why_there_is_none() -> None:
    measured = np.array([[0.0, 1.0, np.nan], [1.0, 1.0, np.nan], [2.0, 1.0, np.nan]])
    predicted = np.array([[0.0, 1.0, 1.0], [2.0, 2.0, 2.0], [1.0, 3.0, 3.0]])
    figure = scatter_figure(["A", "B", "C"], measured, predicted, gene_pearson(measured, predicted))
    assert isinstance(figure, Figure)
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["A: r = 0.50", "B: measured the same everywhere: no r", "C: not measured"]


def test_an_r_of_nothing_is_not_told() -> None:
    assert said_of(np.ones(3), float("nan")) == "measured the same everywhere: no r"
