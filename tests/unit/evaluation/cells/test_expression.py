"""`task=cell_expression` writes what it found."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from past.base.errors import ConfigError
from past.evaluation.cells.expression import CellExpression, over_squares
from past.evaluation.cells.opened import JudgedCells
from past.evaluation.cells.page import blocks
from past.evaluation.results import Results
from past.evaluation.statistics.scores import Judged
from past.evaluation.statistics.units import Places


def test_the_table(judged: JudgedCells, tmp_path: Path) -> None:
    task = CellExpression(genes=8, neighbours=10, hidden=0, epochs=10)
    shown = task(judged, Results(tmp_path / "r", task.name, {}))
    content = json.loads((tmp_path / "r/cell_expression.json").read_text())
    whole = {row["by"]: row for row in content["rows"] if row["scope"] == "all"}
    assert [row["by"] for row in shown] == list(whole)
    assert whole["mean"]["r_gene"] == 0  # a constant has no skill
    assert whole["mixture"]["r_gene"] > 0.5
    assert whole["mixture"]["cells"] == 40
    assert whole["mixture"]["rmse"] < whole["mean"]["rmse"]
    genes = pd.read_csv(tmp_path / "r/cell_expression_genes.csv")
    assert list(genes["gene"]) == content["genes"]
    assert genes["r mixture"].mean() == pytest.approx(whole["mixture"]["r_gene"])
    pair = next(row for row in content["paired"] if row["other"] == "mean")
    assert pair["wins"] == 8
    titles = [block.title for block in blocks(tmp_path / "r")]
    assert titles == ["Cells' expression", "Two by two"]


def test_squares_are_means_of_their_cells() -> None:
    places = Places(
        np.array(["P"] * 4), np.array(["A", "A", "A", "B"]), np.array([[0.0, 0], [10, 40], [60, 0], [0, 0]])
    )
    truth = np.array([[1.0], [3.0], [5.0], [7.0]])
    squares = over_squares(Judged(truth, truth * 2, places))
    assert sorted(squares[0][:, 0].tolist()) == [2, 5, 7]
    np.testing.assert_allclose(squares[1], squares[0] * 2)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"task\.neighbours=0"):
        CellExpression(neighbours=0)
