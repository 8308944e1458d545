"""No cell of ours is a formula, and every name comes back as it was."""

import csv
import io
from pathlib import Path

import pandas as pd
import pytest

from past.base.errors import DataError
from past.base.text.tables import frame_as_csv, inert, original, read_cells, read_frame, read_words, rows_as_csv

FORMULAS = (
    '=cmd|"/c calc"!A1',
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "'=1",
    "''=1",
    "-",
    "+",
    "-x",
    "--1",
    "-a\rb",
)
HARMLESS = (
    "S1",
    "a=b",
    "a\r=1",
    "a\n=1",
    "'quoted'",
    "'",
    "",
    "x,y",
    'a"b',
    "-5",
    "+1.5e-3",
    "-.5",
    "-inf",
    "nan",
    "é",
)


@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_becomes_text_and_comes_back(name: str) -> None:
    assert inert(name) == f"'{name}"
    assert original(inert(name)) == name


@pytest.mark.parametrize("name", [*HARMLESS, 5, -0.5, None, True])
def test_what_is_no_formula_is_written_as_it_is(name: object) -> None:
    assert inert(name) == name
    assert original(inert(name)) == name


def frame() -> pd.DataFrame:
    names = [*FORMULAS, *HARMLESS[:4]]
    return pd.DataFrame(
        {"=name": names, "kind": pd.Categorical(names), "r": [-0.5] * len(names), "n": range(len(names))}
    )


@pytest.mark.parametrize("index", [False, True])
def test_no_cell_of_a_frame_is_a_formula(index: bool) -> None:
    table = frame().set_index(frame()["=name"].map(lambda name: f"x{name}")) if index else frame()
    rows = list(csv.reader(io.StringIO(frame_as_csv(table, index=index), newline="")))
    for row in rows:
        for cell in row:
            assert cell[:1] not in ("=", "+", "@", "\t", "\r", "\n")
            assert not cell.startswith("-") or float(cell) < 0
    assert rows[1][2 + index] == "-0.5"


def test_a_frame_comes_back_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(frame_as_csv(frame()).encode())
    found = read_frame(tmp_path / "a.csv", "cure")
    assert found.columns.tolist() == ["=name", "kind", "r", "n"]
    assert found["=name"].tolist() == found["kind"].tolist() == frame()["=name"].tolist()
    assert found["r"].tolist() == frame()["r"].tolist()


def test_rows_come_back_as_they_were(tmp_path: Path) -> None:
    rows = [[name, "x", ""] for name in (*FORMULAS, *HARMLESS)]
    (tmp_path / "a.csv").write_bytes(rows_as_csv(["@name", "b", "c"], [*rows, ["-0.5", None, -0.5]]).encode())
    assert read_cells(tmp_path / "a.csv", "cure")[1:-1] == rows
    found = read_words(tmp_path / "a.csv", ["@name"], "cure")
    assert [row["@name"] for row in found[:-1]] == [*FORMULAS, *HARMLESS]
    assert found[-1] == {"@name": "-0.5", "b": "", "c": "-0.5"}


def test_lines_of_other_lengths_are_filled_and_cut(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1\n\n1,2,3\n", encoding="utf-8-sig")
    assert read_words(tmp_path / "a.csv", ["a", "b"], "cure") == [{"a": "1", "b": ""}, {"a": "1", "b": "2"}]


@pytest.mark.parametrize("content", [b"a,b\n\xff\xfe,1\n", b"b\n1\n", b"a\n", b"", b'a\n"' + b"x" * 200_000 + b'"\n'])
def test_what_is_no_table_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as refused:
        read_words(path, ["a"], "download it again")
    assert str(refused.value).startswith(f"{path}: ")
    assert str(refused.value).endswith(": download it again")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"a,b\n\xff\xfe,1\n", b"", b'a,b\n1,2,3\n4,5,"', None])
def test_what_is_no_frame_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=rf"^{path}: not a table \([^\n]*\): cure$"):
        read_frame(path, "cure")
