"""Retrieval's part of a page."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib import pyplot as plt
from retrieval_results import rows, write_run

from past.evaluation.retrieval.page import blocks, recall_bars


@pytest.mark.parametrize(("ceiling", "labels"), [(0.8, ["chance", "cell type known"]), (None, ["chance"])])
def test_bars_are_the_sections_recalls(ceiling: float | None, labels: list[str]) -> None:
    figure = recall_bars(pd.DataFrame(rows(ceiling=ceiling)), 5)
    (axis,) = figure.axes
    assert [bar.get_height() for bar in axis.patches] == [0.625, 0.625, 0.5, 0.5]  # type: ignore[attr-defined]
    assert [bar.get_width() for bar in axis.patches] == pytest.approx([0.4] * 4)  # type: ignore[attr-defined]
    assert [bar.get_x() for bar in axis.patches] == pytest.approx([-0.4, 0.6, 0.0, 1.0])  # type: ignore[attr-defined]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["S0", "S1"]
    assert sorted(text.get_text() for text in axis.get_legend().get_texts()) == sorted(["PAST", "linear", *labels])
    plt.close(figure)


def test_the_parts_are_there_where_the_results_are(tmp_path: Path) -> None:
    assert blocks(tmp_path) == []
    run = write_run(tmp_path / "toy/first")
    found = blocks(run / "results")
    titles = ["Retrieval", "Two by two", "Recall by section", "What a crop finds"]
    assert [block.title for block in found] == titles
    assert "<td>0.625 [0.450, 0.700]</td>" in found[0].table
    assert "<td>7 blocks (correlation 2.5 spots)</td>" in found[0].table
    assert "<td>0.125 [0.020, 0.230]</td>" in found[1].table


def test_bars_are_of_a_recall_that_was_asked_for(tmp_path: Path) -> None:
    run = write_run(tmp_path / "toy/first")
    path = run / "results" / "retrieval.json"
    path.write_text(path.read_text().replace("recall@5", "recall@3"))
    assert "<th>recall@3</th>" in blocks(run / "results")[0].table
