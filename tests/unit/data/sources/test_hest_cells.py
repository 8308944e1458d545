"""Transcripts counted over cells: by the instrument's names, or by the outline that each lies in."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from past.base.errors import DataError
from past.data.sources.hest_cells import read_cells

shapely = pytest.importorskip("shapely", reason="the extra 'spatial' is not installed")
GENES = ("A", "B")


def write_transcripts(folder: Path, *rows: tuple[str, str, float, float, float]) -> Path:
    """Rows of cell, gene, quality, x, y."""
    path = folder / "transcripts.parquet"
    pd.DataFrame(rows, columns=["cell_id", "feature_name", "qv", "he_x", "he_y"]).to_parquet(path)
    return path


def write_outlines(folder: Path, name: str, **columns: list[str]) -> Path:
    """Two squares of 10 px, at (0, 0) and (20, 0)."""
    squares = [shapely.box(x, 0, x + 10, 10) for x in (0, 20)]
    table = pd.DataFrame({"geometry": shapely.to_wkb(squares), **columns}, index=pd.Index(["one", "two"]))
    table.to_parquet(folder / name)
    return folder / name


@pytest.fixture
def transcripts(tmp_path: Path) -> Path:
    return write_transcripts(
        tmp_path,
        ("one", "A", 30, 5, 5), ("one", "A", 20, 1, 1), ("one", "A", 19.9, 5, 5),  # the last of bad quality
        ("two", "B", 40, 25, 5), ("two", "C", 40, 25, 5),  # C is no gene of the sample
        ("UNASSIGNED", "B", 40, 15, 5), ("two", "A", 40, 2, 2),  # between the cells; in the other's outline
    )  # fmt: skip


def test_the_instruments_cells_are_counted_by_name(tmp_path: Path, transcripts: Path) -> None:
    cells = read_cells(transcripts, write_outlines(tmp_path, "xenium_cell_seg.parquet"), GENES, "S")
    assert cells.names == ["one", "two"]
    assert cells.counts.toarray().tolist() == [[2, 0], [1, 1]]
    assert cells.centres.tolist() == [[5, 5], [25, 5]]
    assert cells.types is None


def test_nuclei_are_counted_by_their_outline(tmp_path: Path, transcripts: Path) -> None:
    outlines = write_outlines(tmp_path, "cellvit_seg.parquet", **{"class": ["Neoplastic", "Connective"]})
    cells = read_cells(transcripts, outlines, GENES, "S")
    assert cells.names == ["nucleus0", "nucleus1"]
    assert cells.counts.toarray().tolist() == [[3, 0], [0, 1]]
    assert cells.types == ["Neoplastic", "Connective"]


def test_transcripts_of_another_sample_are_refused(tmp_path: Path) -> None:
    outlines = write_outlines(tmp_path, "xenium_cell_seg.parquet")
    with pytest.raises(DataError, match="S: none of its transcripts lies in a cell of xenium_cell_seg"):
        read_cells(write_transcripts(tmp_path, ("three", "A", 30, 5, 5)), outlines, GENES, "S")
    path = tmp_path / "transcripts.parquet"
    pd.DataFrame({"cell_id": ["one"], "qv": [3.0]}).to_parquet(path)
    with pytest.raises(DataError, match="no column feature_name, he_x, he_y: not HEST's transcripts"):
        read_cells(path, outlines, GENES, "S")
    path.write_bytes(np.arange(9).tobytes())
    with pytest.raises(DataError, match="the table is damaged or cut off"):
        read_cells(path, outlines, GENES, "S")
