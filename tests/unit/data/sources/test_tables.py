"""Tables and files in a folder: the one that is meant, or a sentence that says why none is."""

from pathlib import Path

import pandas as pd
import pytest

from past.base.errors import DataError
from past.data.sources.tables import only_file, only_picture, read_rows, read_table, rows_named


def test_the_first_pattern_that_finds_a_file_counts_in_the_first_folder(tmp_path: Path) -> None:
    for name in ("a/x.tif", "a/x.png", "b/y.btf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "a" / "z.btf").mkdir()  # a folder is no file
    folders = [tmp_path / "a", tmp_path / "b"]
    assert only_file(folders, ["*.btf", "*.tif", "*.png"], "image", "give one") == tmp_path / "a" / "x.tif"
    assert only_file(folders, ["*.btf"], "image", "give one") == tmp_path / "b" / "y.btf"
    with pytest.raises(DataError, match=r"a: no image \(\*\.svs or \*\.jpg\) there: give one"):
        only_file(folders, ["*.svs", "*.jpg"], "image", "give one")
    with pytest.raises(DataError, match=r"2 files could be the image \(x\.png, x\.tif\): give one"):
        only_file(folders, ["x.*"], "image", "give one")


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_table_has_its_columns(tmp_path: Path, suffix: str) -> None:
    path, table = tmp_path / f"t.{suffix}", pd.DataFrame({"x": [1, 2], "y": [0.5, 1.5]})
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    assert read_table(path, ["x", "y"]).to_numpy().tolist() == [[1, 0.5], [2, 1.5]]
    with pytest.raises(DataError, match=r"no column z, w; it has x, y"):
        read_table(path, ["z", "x", "w"])
    path.write_bytes(b"")
    with pytest.raises(DataError, match="the table is damaged or cut off"):
        read_table(path, ["x"])


def test_rows_come_a_few_at_a_time(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("spot,A,B\n" + "".join(f"s{i},{i},0\n" for i in range(5)))
    parts = list(read_rows(tmp_path / "t.csv", 2))
    assert [part["A"].tolist() for part in parts] == [[0, 1], [2, 3], [4]]
    assert list(parts[2].index) == ["s4"]
    with pytest.raises(DataError, match="the table is damaged or cut off"):
        next(read_rows(tmp_path / "none.csv", 2))


def test_rows_are_put_in_the_order_of_names() -> None:
    table = pd.DataFrame({"x": [1, 2, 3]})
    assert rows_named(table, ["a", b"b", "c"], ["c", "a"], "matrix.h5", "cells.csv")["x"].tolist() == [3, 1]
    with pytest.raises(DataError, match=r"matrix\.h5: 2 of its 3 cells are not in cells\.csv: of another run"):
        rows_named(table, ["a", "b", "c"], ["a", "d", "e"], "matrix.h5", "cells.csv")
    with pytest.raises(DataError, match=r"cells\.csv: 1 names of rows occur more than once \(a…\)"):
        rows_named(table, ["a", "a", "c"], ["c"], "matrix.h5", "cells.csv")
    with pytest.raises(DataError, match=r"cells\.csv: row 1 has no name"):
        rows_named(table, ["a", float("nan"), "c"], ["c"], "matrix.h5", "cells.csv")


def test_a_picture_is_the_nearest_and_of_two_both_are_named(tmp_path: Path) -> None:
    for name in ("own/s.png", "upper/a.tif"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folders, patterns = [tmp_path / "own", tmp_path / "upper"], ["*.tif", "*.png"]
    assert only_picture(folders, patterns, "image", "--image") == tmp_path / "own" / "s.png"
    assert only_picture(folders, ["*.tif"], "image", "--image") == tmp_path / "upper" / "a.tif"
    (tmp_path / "own" / "s.tif").touch()
    with pytest.raises(DataError, match=r"own: s\.png and s\.tif could each be the image: give it with --image"):
        only_picture(folders, patterns, "image", "--image")
    with pytest.raises(DataError, match=r"own: no image \(\*\.svs\) there: give it with --image"):
        only_picture(folders, ["*.svs"], "image", "--image")
