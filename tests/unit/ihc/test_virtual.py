"""Markers over cells whose expression is planted."""

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from fields import grid as lattice

from past.base.errors import DataError
from past.ihc.scores import Thresholds
from past.ihc.virtual import virtual_ihc
from past.models.past.cells.levels import LEVELS


def planted() -> AnnData:
    """400 cells 10 µm apart; HER2 is strong in the left half, weak in a fifth of the right one."""
    coords = lattice(20) * 20.0
    left = coords[:, 0] < 200
    her2 = np.where(left, 3.0, 0.0)
    her2[np.flatnonzero(~left)[::5]] = 1.2
    cells = AnnData(
        np.stack([her2, np.zeros(400)], axis=1).astype(np.float32),
        var=pd.DataFrame(index=pd.Index(["ERBB2", "ACTB"])),
        uns={"past": {"mpp": 0.5}},
    )
    cells.obsm["spatial"] = coords
    return cells


def test_planted_positive_cells_have_their_scores() -> None:
    cells = planted()
    table = virtual_ihc(cells, ["HER2"], thresholds=Thresholds(1, 2, 2.5), grid_um=100)
    by = table.set_index("region")
    assert by.loc["tissue", "h_score"] == pytest.approx(100 * (0.5 * 3 + 0.5 * 0.2))
    assert by.loc["x0 y0", "h_score"] == 300
    assert by.loc["x100 y0", "h_score"] == pytest.approx(20)
    assert by.loc["x100 y0", "positive"] == pytest.approx(20)
    assert set(by.index) == {"tissue", "x0 y0", "x100 y0", "x0 y100", "x100 y100"}
    assert (cells.obs["HER2_grade"] == "strong").sum() == 200


def test_thresholds_come_with_a_prediction_and_cells_that_are_unlike_are_not_judged() -> None:
    cells = planted()
    with pytest.raises(DataError, match="holds no thresholds"):
        virtual_ihc(cells, ["HER2"])
    for level, value in zip(LEVELS, (1.0, 2.0, 2.5), strict=True):
        cells.var[level] = [value, np.nan]
    cells.obs["unlike_training"] = cells.obsm["spatial"][:, 0] < 200
    (row,) = virtual_ihc(cells, ["HER2"], grid_um=None).to_dict("records")
    assert (row["cells"], row["not_judged"], row["h_score"]) == (200, 200, pytest.approx(20))
    with pytest.raises(DataError, match="ACTB has too few levels"):
        virtual_ihc(cells, ["ACTB"])


def test_a_grid_needs_to_know_the_pixels() -> None:
    cells = planted()
    del cells.uns["past"]
    with pytest.raises(DataError, match="says no µm/px"):
        virtual_ihc(cells, ["HER2"], thresholds=Thresholds(1, 2, 3))
