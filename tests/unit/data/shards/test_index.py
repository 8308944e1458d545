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
    content = json.loads(write_set(tmp_path, [3, 2]).to_json()) | {field: value}
    with pytest.raises(DataError, match=r"index\.json: .*the file was changed by hand"):
        ShardIndex.from_json(json.dumps(content), str(tmp_path))


@pytest.mark.parametrize("text", ["", "[]", "5", "null", "{}", '{"version": 1}'])
def test_another_file_is_refused(text: str) -> None:
    with pytest.raises(
        DataError, match=r"^set/index\.json: .*: not an index of shards, or the file was changed by hand; run 'past"
    ):
        ShardIndex.from_json(text, "set")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested too deep"),
        (b'{"version": "\xff"}', "not UTF-8 text (invalid start byte at byte 13)"),
        ('{"version": ' + "1" * 9_999 + "}", "not JSON (Exceeds the limit"),
    ],
)
def test_text_that_no_parser_can_take_is_one_sentence(text: str | bytes, said: str, tmp_path: Path) -> None:
    for read in (lambda: ShardIndex.from_json(text, str(tmp_path)), lambda: ShardIndex.read(tmp_path)):
        (tmp_path / "index.json").write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(DataError) as refused:
            read()
        assert str(refused.value).startswith(f"{tmp_path}/index.json: ")
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)


def test_an_index_is_read_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = write_set(tmp_path, [3, 2]).to_json()
    monkeypatch.setattr("past.data.shards.index.INDEX_BYTES", len(text) - 1)
    with pytest.raises(DataError, match=r"index\.json: larger than the [\d,]+ bytes that are read of such a file"):
        ShardIndex.read(tmp_path)


BAD = {
    "no sections": (("sections",), {}, "S0-000000.tar is of section 'S0', and its sections name no such"),
    "a section without a patient": (("sections", "S1", "patient"), "", "section 'S1': its patient is ''"),
    "a technology that is no word": (("sections", "S1", "technology"), None, "section 'S1': its technology is None"),
    "a shard without a patient": (("shards", 1, "patients"), [], "S1-000000.tar: [] is no list of patients"),
    "a patient without a name": (("shards", 1, "patients"), [" "], "S1-000000.tar: [' '] is no list of patients"),
    "more samples than bytes": (("shards", 1, "samples"), 900, "S1-000000.tar: 900 samples do not fit into"),
    "samples without end": (("shards", 0, "samples"), 10**18, "S0-000000.tar: samples is 1000000000000000000, wanted"),
    "bytes without end": (("shards", 0, "bytes"), 10**30, "S0-000000.tar: bytes is 1000000000000"),
    "samples of 1e300": (("shards", 0, "samples"), 1e300, "S0-000000.tar: samples is 1e+300, wanted a whole number"),
    "no genes": (("genes",), [], "[] is no list of genes"),
    "a gene twice": (("genes",), ["G0", "G0"], "its gene list: 1 gene names occur more than once (G0"),
    "another gene list": (("genes",), ["G0"], "the gene list does not match its hash"),
    "mpp 0": (("settings", "mpp"), 0, "settings: mpp is 0, wanted µm/px above 0, or null"),
    "mpp NaN": (("settings", "mpp"), float("nan"), "settings: mpp is nan, wanted"),
    "mpp 1e300": (("settings", "mpp"), 1e300, "settings: mpp is 1e+300, wanted"),
    "px 0": (("settings", "px"), 0, "settings: px is 0, wanted a whole number from 1"),
    "px 1e9": (("settings", "px"), 10**9, "settings: px is 1000000000, wanted"),
    "settings without px": (("settings",), {"mpp": 0.5}, "it has no 'px'"),
    "an encoder without width": (("settings", "encoder"), "uni", "it has no 'width'"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_a_training_cannot_rely_on_is_named(tmp_path: Path, case: str) -> None:
    (*path, last), value, said = BAD[case]
    content = json.loads(write_set(tmp_path, [3, 2]).to_json())
    part = content
    for step in path:
        part = part[step]
    part[last] = value
    with pytest.raises(DataError) as refused:
        ShardIndex.from_json(json.dumps(content), str(tmp_path))
    assert str(refused.value).startswith(f"{tmp_path}/index.json: {said}")
    assert "\n" not in str(refused.value)


def test_shards_are_chosen_by_patient_and_section(tmp_path: Path) -> None:
    index = write_set(tmp_path, [3, 2, 4])
    assert [len(index.select().shards), index.select(patients=[]).shards] == [3, ()]
    assert [shard.section for shard in index.select(sections=["S0", "S2"]).shards] == ["S0", "S2"]
    assert [shard.section for shard in index.select(patients=["P1"]).shards] == ["S1"]
    assert index.select(patients=["P1"], sections=["S0"]).shards == ()
    assert index.select(sections=["S2"]).samples == 4
    assert index.select(sections=["S2"]).genes == index.genes
