"""The index: whatever JSON its file holds, it is read or refused with a sentence."""

import json
from pathlib import Path

import pytest
from shards import write_set

from past.base.errors import DataError
from past.data.shards.index import ShardIndex


def test_an_index_comes_back_as_it_was_written(tmp_path: Path) -> None:
    index = write_set(tmp_path, [3, 2])
    assert ShardIndex.read(tmp_path) == index


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("samples", value) for value in ("5", None, 2.0, True, -1, [5])),
        *(("bytes", value) for value in ("5", None, -1)),
        *(("name", value) for value in (5, None, ["a.tar"], "../a.tar")),
        *(("sha256", value) for value in (5, None, "x")),
        *(("section", value) for value in (5, None)),
        *(("patients", value) for value in (5, None, "P0", [5])),
        ("colour", "red"),
    ],
)
def test_an_entry_of_other_types_is_refused(tmp_path: Path, field: str, value: object) -> None:
    content = json.loads(write_set(tmp_path, [3, 2]).to_json())
    content["shards"][1][field] = value
    with pytest.raises(DataError, match=r"index\.json: .*the file was changed by hand"):
        ShardIndex.from_json(json.dumps(content), str(tmp_path))


@pytest.mark.parametrize("value", [5, None, "text", [5], {"a": 5}])
@pytest.mark.parametrize("field", ["genes", "genes_hash", "settings", "sections", "shards"])
def test_a_part_of_another_type_is_refused(tmp_path: Path, field: str, value: object) -> None:
    if (field, value) == ("settings", {"a": 5}):
        return  # settings may hold anything
    content = json.loads(write_set(tmp_path, [3, 2]).to_json()) | {field: value}
    with pytest.raises(DataError, match=r"index\.json: .*the file was changed by hand"):
        ShardIndex.from_json(json.dumps(content), str(tmp_path))


@pytest.mark.parametrize("text", ["", "[]", "5", "null", "{}", '{"version": 1}'])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"set/index\.json: not an index of shards"):
        ShardIndex.from_json(text, "set")
