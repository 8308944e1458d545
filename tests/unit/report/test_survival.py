"""Figures of survival."""

import numpy as np
import pandas as pd

from past.report.survival import Group, attention_figure, gene_set_figure, survival_figure


def test_curves_have_numbers_at_risk() -> None:
    group = Group(np.array([0.0, 5, 9]), np.array([1.0, 0.5, 0.2]), np.array([7.0]), [4, 1])
    figure = survival_figure({"model": {"high risk": group, "low risk": group}}, np.array([0.0, 6.0]))
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.texts] == ["4", "1", "4", "1"]
    assert axis.lines[1].get_ydata().tolist() == [0.5], "who was censored stands on the curve"


def test_bars_and_maps() -> None:
    moved = pd.DataFrame({"gene_set": ["a", "b"], "mean": [2.0, 1.0], "low": [-1.0, -0.5], "high": [1.0, 0.5]})
    left, _ = gene_set_figure(moved).axes
    assert [label.get_text() for label in left.get_yticklabels()] == ["a", "b"]
    assert [bar.get_width() for bar in left.patches] == [2, 1]
    tiles = pd.DataFrame({"x": [0, 1], "y": [0, 1], "attention": [0.1, 0.9]})
    assert len(attention_figure([("a", tiles)] * 4).axes) == 4
