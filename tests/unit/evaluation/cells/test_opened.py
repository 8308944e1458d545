"""Every way of predicting, on cells whose colour tells their expression."""

import numpy as np
import pytest

from past.base.errors import DataError
from past.evaluation.cells.opened import JudgedCells, all_ways
from past.models.past.cells.head import HeadTraining
from past.models.past.cells.observed import standardised

HOW = HeadTraining(hidden=0, lr=1e-2, epochs=20)


def test_all_ways_are_there_and_better_than_the_mean(judged: JudgedCells) -> None:
    ways = all_ways(judged, 10, HOW, 10)
    assert list(ways.predicted) == [
        "mean", "colours, ridge", "k-NN of features", "retrieval", "head", "mixture", "head on the sphere",
        "head without contrast",
    ]  # fmt: skip
    assert ways.truth.shape == (40, 10)
    error = {way: ((values - ways.truth) ** 2).mean() for way, values in ways.predicted.items()}
    assert all(value < error["mean"] for way, value in error.items() if way != "mean")
    assert error["mixture"] < max(error["retrieval"], error["head"])
    np.testing.assert_allclose(ways.predicted["mean"][0], ways.train_truth.mean(axis=0))


def test_a_section_on_both_sides_is_refused(judged: JudgedCells, monkeypatch: pytest.MonkeyPatch) -> None:
    train, _ = judged.cells
    monkeypatch.setitem(judged.__dict__, "cells", (train, train))
    with pytest.raises(DataError, match="the bank holds cells of S0"):
        all_ways(judged, 5, HOW, 10)


def test_what_it_is_made_of_is_told(judged: JudgedCells) -> None:
    origin = judged.origin()
    assert origin["data"]["val"] == ["S2"]  # type: ignore[index]
    assert origin["plain_encoder"] == {"part": "ColourGrid", "grid": 4}


def test_standardised_by_section() -> None:
    found = standardised(np.array([[1.0], [3.0], [100.0], [104.0]]), np.array(["A", "A", "B", "B"]))
    assert found[:, 0].tolist() == [-1, 1, -1, 1]
