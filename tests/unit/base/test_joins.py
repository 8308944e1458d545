"""Rows are joined by name, else by place, else refused; never by their order."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from past.base.errors import DataError
from past.base.joins import Rows, join, join_all, reach_of, require_unique, row_names

GRID = np.stack(np.meshgrid(np.arange(3.0), np.arange(3.0)), -1).reshape(-1, 2) * 100


def rows(names: Sequence[str] | None = None, places: object = None, where: str = "one") -> Rows:
    return Rows(where, names, None if places is None else np.asarray(places, dtype=float))


def test_names_come_before_places_and_some_may_be_absent() -> None:
    one, other = rows(["a", "b", "c"], GRID[:3]), rows(["c", "a"], GRID[[0, 1]], "other")
    assert join(one, other).tolist() == [1, -1, 0]
    with pytest.raises(DataError, match=r"other: no counts for 1 of 3 spots of one \(b at 100, 0, …\): again"):
        join_all(one, other, "counts", "again")


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("names", [None, ["0", "1", "2"], ["x", "y", "z"]])
def test_places_serve_where_names_are_absent_only_count_or_share_nothing(
    side: int, names: list[str] | None, caplog: pytest.LogCaptureFixture
) -> None:
    pair = [rows(["2", "1", "0"], GRID[:3]), rows(["2", "1", "0"], GRID[[1, 2, 0]] + 0.4)]
    pair[side] = rows(names, pair[side].places)
    assert join(*pair).tolist() == [2, 0, 1]
    assert "matched with those of one by place, within 1" in caplog.text


def test_names_that_only_count_serve_where_places_are_of_another_picture() -> None:
    assert join(rows(["0", "1"], GRID[:2]), rows(["0", "1"], GRID[:2] + 5000)).tolist() == [0, 1]


def test_nothing_to_join_by_is_refused() -> None:
    for one, other in ((rows(["a"]), rows()), (rows(["a"]), rows(None, [[0, 0]])), (rows(), rows())):
        with pytest.raises(
            DataError, match="both have neither names nor places, and rows are not matched by their order"
        ):
            join(one, other)


def test_the_reach_is_a_pixel_or_a_quarter_of_the_distance_of_neighbours() -> None:
    assert reach_of(GRID) == 1.0
    assert reach_of(GRID / 1000) == pytest.approx(0.025)
    assert reach_of(GRID[:1]) == 1.0
    assert join(rows(None, GRID + 1), rows(None, GRID)).tolist() == [-1] * 9  # 1.41 away
    assert join(rows(None, GRID / 1000 + 0.02), rows(None, GRID / 1000)).tolist() == [-1] * 9
    assert join(rows(None, GRID / 1000 + 0.015), rows(None, GRID / 1000)).tolist() == list(range(9))


def test_what_is_there_twice_is_named() -> None:
    with pytest.raises(DataError, match=r"other: 1 names of rows occur more than once \(b…\)"):
        join(rows(["a"]), rows(["b", "a", "b"], None, "other"))
    with pytest.raises(DataError, match=r"other: 1 of its 2 rows lie where another does \(the first at 100, 0\)"):
        join(rows(None, GRID[:2]), rows(None, GRID[[1, 1]], "other"))
    with pytest.raises(DataError, match=r"one: 2 of its rows lie within 1 of 100, 0 in other: which is it"):
        join(rows(None, [[99.6, 0], [100.3, 0]]), rows(None, GRID, "other"))
    with pytest.raises(DataError, match=r"table: 1 barcodes occur more than once \(a…\): rename"):
        require_unique(["a", "a"], "table", "barcodes", "rename")


def test_every_row_has_a_name_of_its_own() -> None:
    assert row_names([b"a", 3, 4.0, " b "], "table") == ["a", "3", "4", "b"]
    for missing in (None, float("nan"), "", "nan", "NA", "None"):
        with pytest.raises(DataError, match="table: row 1 has no name"):
            row_names(["a", missing], "table")


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(9)), st.permutations(range(9)), st.booleans())
def test_the_order_of_rows_changes_nothing(one: list[int], other: list[int], named: bool) -> None:
    names = [f"spot {i}" for i in range(9)]
    sides = [rows([names[i] for i in order] if named else None, GRID[order]) for order in (one, other)]
    assert [other[row] for row in join(*sides)] == one
