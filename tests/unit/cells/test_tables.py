"""Nuclei in tables of others."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from past.base.errors import DataError
from past.cells.tables import read_cellvit, read_table

SQUARE = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]])


def test_a_plain_table(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,x,y,type\na,1,2,T\nb,3.5,4,\n")
    nuclei, xenium = read_table(tmp_path / "t.csv")
    np.testing.assert_array_equal(nuclei.centres, [[1, 2], [3.5, 4]])
    assert (nuclei.names, nuclei.types, xenium) == (("a", "b"), ("T", ""), False)
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="its columns are a, b: give columns x and y"):
        read_table(tmp_path / "t.csv")
    (tmp_path / "t.csv").write_text("x,y\n1,left\n")
    with pytest.raises(DataError, match="a place that is no number"):
        read_table(tmp_path / "t.csv")


def test_xeniums_tables(tmp_path: Path) -> None:
    pytest.importorskip("shapely")
    pd.DataFrame({"cell_id": [b"aa-1", b"bb-1"], "x_centroid": [1.0, 2.0], "y_centroid": [3.0, 4.0]}).to_parquet(
        tmp_path / "cells.parquet"
    )
    nuclei, xenium = read_table(tmp_path / "cells.parquet")
    assert (nuclei.names, xenium) == (("aa-1", "bb-1"), True)
    corners = np.concatenate([SQUARE, SQUARE[:1], SQUARE + 50, SQUARE[:1] + 50, SQUARE + 80])
    frame = pd.DataFrame(corners, columns=["vertex_x", "vertex_y"])
    frame["cell_id"] = ["aa-1"] * 5 + ["bb-1"] * 9
    frame["label_id"] = [1] * 5 + [2] * 5 + [3] * 4  # bb-1 has two nuclei
    frame.to_parquet(tmp_path / "nucleus_boundaries.parquet")
    nuclei, xenium = read_table(tmp_path / "nucleus_boundaries.parquet")
    assert (nuclei.names, xenium) == (("aa-1", "bb-1"), True)
    np.testing.assert_allclose(nuclei.centres, [[5, 5], [55, 55]])
    assert nuclei.outlines is not None
    np.testing.assert_array_equal(nuclei.outlines[1], SQUARE + 50)


def test_cellvits_cells(tmp_path: Path) -> None:
    pytest.importorskip("shapely")
    cells = [{"centroid": [5, 5], "contour": SQUARE.tolist(), "type": 1}, {"contour": SQUARE.tolist(), "type": 7}]
    (tmp_path / "cells.json").write_text(json.dumps({"type_map": {"1": "Neoplastic"}, "cells": cells}))
    nuclei = read_cellvit(tmp_path / "cells.json")
    assert nuclei.types == ("Neoplastic", "7")
    np.testing.assert_allclose(nuclei.centres, [[5, 5], [5, 5]])
    (tmp_path / "cells.json").write_text(json.dumps({"cells": [{"centroid": [5, 6]}]}))
    np.testing.assert_allclose(read_cellvit(tmp_path / "cells.json").centres, [[5, 6]])
    (tmp_path / "cells.json").write_text("{}")
    with pytest.raises(DataError, match="not CellViT's cells"):
        read_cellvit(tmp_path / "cells.json")
