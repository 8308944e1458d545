"""`task=cell_typing` on cells whose expression tells their type."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from past.base.errors import DataError
from past.evaluation.cells.opened import JudgedCells
from past.evaluation.cells.page import blocks
from past.evaluation.cells.typing import CellTyping, with_type
from past.evaluation.results import Results
from past.models.past.cells.observed import ObservedCells, log_expression


def with_types(cells: ObservedCells) -> ObservedCells:
    """T where a hidden number is high, B where it is low; one in seven is not said, or unknown."""
    expression = log_expression(cells.counts, 500).toarray()
    high = expression[:, 0] > np.median(expression[:, 0])
    kinds = np.where(high, "T", "B").astype(object)
    kinds[::14], kinds[7::14] = "", "Unknown"
    return replace(cells, obs=cells.obs.assign(cell_type=kinds))


def test_types_by_every_way(judged: JudgedCells, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(judged.__dict__, "cells", tuple(map(with_types, judged.cells)))
    task = CellTyping(neighbours=10)
    task(judged, Results(tmp_path / "r", task.name, {}))
    content = json.loads((tmp_path / "r/cell_typing.json").read_text())
    assert content["types"] == ["B", "T"]
    assert content["left_out"] == 6
    rows = {(row["by"], row["source"]): row for row in content["rows"]}
    assert rows["linear probe", "expression"]["macro_f1"] > 0.8
    assert rows["linear probe", "image"]["macro_f1"] > 0.6
    assert rows["majority", "none"]["balanced_accuracy"] == pytest.approx(0.5)
    one = rows["linear probe", "image"]
    counts = np.array(one["confusion"])
    assert counts.sum() == 34
    assert one["accuracy"] == pytest.approx(np.trace(counts) / 34)
    recall = np.diag(counts) / counts.sum(axis=1)
    assert one["balanced_accuracy"] == pytest.approx(recall.mean())
    precision = np.diag(counts) / counts.sum(axis=0)
    assert one["macro_f1"] == pytest.approx((2 * precision * recall / (precision + recall)).mean(), rel=1e-5)
    assert next(block.title for block in blocks(tmp_path / "r")) == "Cells' types"


def test_cells_without_types_are_told(judged: JudgedCells) -> None:
    with pytest.raises(DataError, match="no cell has a known cell_type"):
        with_type(judged.cells[0])
