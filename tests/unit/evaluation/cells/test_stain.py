"""`task=virtual_ihc`: predicted H-scores beside measured ones."""

import json
from pathlib import Path

import numpy as np
import pytest

from past.base.errors import DataError
from past.evaluation.cells.opened import JudgedCells
from past.evaluation.cells.page import blocks
from past.evaluation.cells.stain import VirtualIHC
from past.evaluation.results import Results


def test_regions_are_compared(judged: JudgedCells, tmp_path: Path) -> None:
    task = VirtualIHC(["G1", "G5", "HER2"], grid=40.0, fewest=2, genes=8, neighbours=10)
    results = Results(tmp_path / "r", task.name, {})
    shown = task(judged, results)
    assert "marker HER2: its gene ERBB2 is not in the panel" in results.faults[0]
    content = json.loads((tmp_path / "r/virtual_ihc.json").read_text())
    regions = content["regions"]
    tissue = [row for row in regions if row["region"] == "tissue"]
    assert {(row["marker"], row["section"], row["cells"]) for row in tissue} == {("G1", "S2", 40), ("G5", "S2", 40)}
    squares = [row for row in regions if row["region"] != "tissue" and row["marker"] == "G1"]
    row = next(row for row in content["rows"] if row["marker"] == "G1" and row["scope"] == "square")
    assert row["regions"] == len(squares)
    apart = [one["predicted"] - one["measured"] for one in squares]
    assert row["difference"] == pytest.approx(np.mean(apart))
    assert all(0 <= one[name] <= 300 for one in regions for name in ("measured", "predicted"))
    assert len(shown) == len(content["rows"])
    assert [block.title for block in blocks(tmp_path / "r")] == ["Virtual IHC", "Bland–Altman"]


def test_no_marker_at_all_is_told(judged: JudgedCells, tmp_path: Path) -> None:
    task = VirtualIHC(["HER2"])
    with pytest.raises(DataError, match="ERBB2 is not in the panel"):
        task(judged, Results(tmp_path / "r", task.name, {}))
