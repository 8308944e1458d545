"""Pictures of the cells' page."""

import numpy as np
import pandas as pd

from past.evaluation.cells.page import bland_altman, blocks, confusions
from past.report.plots import plt


def test_no_results_make_no_blocks(tmp_path) -> None:
    assert blocks(tmp_path) == []


def test_confusions_show_counts() -> None:
    figure = confusions(np.array([[8, 2], [0, 5]]), ["T", "B"])
    assert [text.get_text() for text in figure.axes[0].texts] == ["8", "2", "5"]
    plt.close(figure)


def test_differences_over_means() -> None:
    regions = pd.DataFrame(
        {"marker": ["HER2"] * 4, "region": ["tissue", "a", "b", "c"], "measured": [100.0, 50, 100, 150],
         "predicted": [110.0, 60, 120, 150]}
    )  # fmt: skip
    figure = bland_altman(regions)
    squares, whole = figure.axes[0].collections
    assert squares.get_offsets().tolist() == [[55, 10], [110, 20], [150, 0]]
    assert whole.get_offsets().tolist() == [[105, 10]]
    assert figure.axes[0].lines[0].get_ydata()[0] == 10
    plt.close(figure)
