"""Who owns a results folder: one origin a task, files whole or not there, nothing left of what was interrupted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from past.base.errors import ConfigError, DataError
from past.evaluation.results import SHOWN, Results, summary_to_draw

ORIGIN = {"ckpt": "best.ckpt", "data": {"root": "shards", "val": ["A", "B"]}, "seed": 1}


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_all(results: Results) -> None:
    frame = pd.DataFrame({"gene": ["G0", "G1"], "r": [0.5, None]})
    results.write_csv("toy.csv", frame)
    results.write_parquet("below/toy.parquet", frame)
    results.write_summary({"rows": [1, 2]})


def test_the_files_say_what_they_were_made_from_and_are_the_same_again(tmp_path: Path) -> None:
    write_all(Results(tmp_path / "out", "toy", ORIGIN, {"versions": {"numpy": "1"}}))
    found = files(tmp_path / "out")
    assert set(found) == {"toy.csv", "toy.parquet", "toy.json", "toy.origin.json"}
    assert json.loads(found["toy.origin.json"]) == ORIGIN
    assert json.loads(found["toy.json"]) == {"task": "toy", **ORIGIN, "versions": {"numpy": "1"}, "rows": [1, 2]}
    assert found["toy.csv"] == b"gene,r\nG0,0.5\nG1,\n"
    assert pd.read_parquet(tmp_path / "out" / "below" / "toy.parquet")["gene"].tolist() == ["G0", "G1"]
    assert pq.read_schema(tmp_path / "out" / "below" / "toy.parquet").names == ["gene", "r"]
    write_all(Results(tmp_path / "out", "toy", ORIGIN, {"versions": {"numpy": "1"}}))
    assert files(tmp_path / "out") == found


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"ckpt": "last.ckpt"}, r"of 'best.ckpt', not of 'last.ckpt' \(ckpt\)"),
        ({"data": {"root": "shards", "val": ["B"]}}, r"of \['A', 'B'\], not of \['B'\] \(data.val\)"),
        ({"ckpt": "last.ckpt", "seed": 2}, r"\(ckpt\)"),
        ({"seed": 2}, r"of 1, not of 2 \(seed\)"),
        ({"more": 3}, r"of 'nothing', not of 3 \(more\)"),
        ({"ckpt": "x" * 500}, "x" * (SHOWN - 1) + "… "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_another_origin_is_refused_by_the_first_difference(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    write_all(Results(tmp_path, "toy", ORIGIN))
    before = files(tmp_path)
    with pytest.raises(ConfigError, match=told) as refusal:
        Results(tmp_path, "toy", {**ORIGIN, **change})
    assert str(refusal.value).endswith("; give another results_dir=, or remove the old toy results there first")
    assert files(tmp_path) == before


def test_old_results_that_were_removed_make_room(tmp_path: Path) -> None:
    write_all(Results(tmp_path, "toy", ORIGIN))
    (tmp_path / "toy.origin.json").unlink()
    with pytest.raises(ConfigError, match=r"holds results, but no toy\.origin\.json that says what they were made"):
        Results(tmp_path, "toy", ORIGIN)
    (tmp_path / "toy.json").unlink()
    with pytest.raises(
        ConfigError, match=r"files that are no results \(below, toy\.csv\), and was left as it is: give"
    ):
        Results(tmp_path, "toy", {**ORIGIN, "seed": 2})
    (tmp_path / "below" / "toy.parquet").rename(tmp_path / "toy.csv")
    (tmp_path / "below").rmdir()
    (tmp_path / "toy.csv").unlink()
    write_all(Results(tmp_path, "toy", {**ORIGIN, "seed": 2}))
    assert json.loads((tmp_path / "toy.json").read_text())["seed"] == 2


def test_tasks_share_a_folder_and_each_has_its_origin(tmp_path: Path) -> None:
    write_all(Results(tmp_path, "toy", ORIGIN))
    Results(tmp_path, "other", {"seed": 5}).write_summary({})
    assert json.loads((tmp_path / "toy.origin.json").read_text()) == ORIGIN
    assert json.loads((tmp_path / "other.json").read_text()) == {"task": "other", "seed": 5}
    with pytest.raises(ConfigError, match="remove the old other results"):
        Results(tmp_path, "other", {"seed": 6})


def test_nothing_is_claimed_before_the_first_file(tmp_path: Path) -> None:
    first, second = Results(tmp_path / "out", "toy", ORIGIN), Results(tmp_path / "out", "toy", {"seed": 9})
    assert not (tmp_path / "out").exists()
    second.write("toy.txt", "second")
    with pytest.raises(ConfigError, match=r"holds results of 'nothing', not of 'best\.ckpt' \(ckpt\)"):
        first.write("toy.txt", "first")
    assert (tmp_path / "out" / "toy.txt").read_text() == "second"


def test_what_was_being_written_is_removed_when_it_is_written_again(tmp_path: Path) -> None:
    write_all(Results(tmp_path, "toy", ORIGIN))
    whole = files(tmp_path)
    for part in (tmp_path / ".toy.csv.1.part", tmp_path / "below" / ".toy.parquet.2.part"):
        part.write_text("half")
    write_all(Results(tmp_path, "toy", ORIGIN))
    assert files(tmp_path) == whole


def test_the_users_own_files_are_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "toy.csv").write_text("mine")
    with pytest.raises(ConfigError, match=r"files that are no results \(toy\.csv\), and was left as it is: give a new"):
        Results(tmp_path, "toy", ORIGIN)
    assert files(tmp_path) == {"toy.csv": b"mine"}


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    results = Results(tmp_path, "toy", ORIGIN)
    results.write("toy.txt", "old")

    def fail() -> None:
        with results.file("toy.txt") as file:
            file.write(b"ne")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert (tmp_path / "toy.txt").read_text() == "old"


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    results = Results(tmp_path / "out", "toy", ORIGIN)
    for name in ("../toy.csv", "task/../../toy.csv", str(tmp_path / "toy.csv")):
        with pytest.raises(ConfigError, match="lies outside: rename the task or the encoder"):
            results.write(name, "x")
    assert list(tmp_path.rglob("*.csv")) == []


def test_no_cell_is_a_formula(tmp_path: Path) -> None:
    results = Results(tmp_path / "out", "toy", ORIGIN)
    results.write_csv("toy.csv", pd.DataFrame({"section": ["=cmd()", "S1"], "r": [-0.5, None]}))
    assert (tmp_path / "out" / "toy.csv").read_text() == "section,r\n'=cmd(),-0.5\nS1,\n"


@pytest.mark.parametrize("content", [b"[" * 100_000, b"\xff", b"{"])
def test_a_claim_that_cannot_be_read_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "toy.origin.json").write_bytes(content)
    with pytest.raises(DataError, match=r"toy.origin.json: not [^\n]*: give another results_dir="):
        Results(tmp_path, "toy", ORIGIN)


def test_a_summary_is_opened_while_it_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "toy.json"
    path.write_text('{"rows": [{"units": 3}]}')
    with summary_to_draw(path) as content:
        assert content["rows"] == [{"units": 3}]


@pytest.mark.parametrize(
    ("rows", "draw", "told"),
    [
        ([{"units": 3}], lambda content: content["paired"], "these results lack 'paired'"),
        ([{"units": 3}], lambda content: float(content["rows"]), r"these results are not as they were written \(.*\)"),
        ([{"task": "IDC"}], lambda content: None, "made by an earlier version, [^:]*"),
    ],
)
def test_what_cannot_be_drawn_is_one_sentence(
    tmp_path: Path, rows: list[dict[str, Any]], draw: Callable[[dict[str, Any]], object], told: str
) -> None:
    path = tmp_path / "toy.json"
    path.write_text(json.dumps({"rows": rows}))
    cure = "run evaluate.py again with another results_dir=, or remove these results first"
    with pytest.raises(DataError, match=rf"^{path}: {told}: {cure}$"), summary_to_draw(path) as content:
        draw(content)


@pytest.mark.parametrize("content", ["{}", "[]", "3", '{"rows": 3}', '{"rows": []}', '{"rows": [3]}', "{", ""])
def test_what_is_no_summary_is_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "toy.json"
    path.write_text(content)
    with pytest.raises(DataError, match=f"^{path}: .*run evaluate.py again"), summary_to_draw(path):
        raise AssertionError
