"""A tiny PAST and its cells, opened once for all tests of the tasks."""

from pathlib import Path

import pytest
from cells_on_a_slide import trained_tiny

from past.base.runs import Run
from past.evaluation.cells.opened import JudgedCells
from past.nn.colour import ColourGrid


@pytest.fixture(scope="package")
def judged(tmp_path_factory: pytest.TempPathFactory) -> JudgedCells:
    root = tmp_path_factory.mktemp("judged")
    data, saved = trained_tiny(root)
    return JudgedCells(Run(str(root), "tiny", "one"), Path(root / "past"), saved, data, ColourGrid(4))
