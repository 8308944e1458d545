"""A task's page is found by its name, and drawn from its files."""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from retrieval_results import write_run
from toy_task import add_toy

from past.base.errors import DataError
from past.evaluation.pages import task_blocks, write_results_page


def test_a_tasks_page_is_found_by_its_name_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "toy/first")
    before = [block.title for block in task_blocks(run / "results")]
    (run / "results" / "count.json").write_text('{"letters": 3}')
    assert [block.title for block in task_blocks(run / "results")] == before
    add_toy(tmp_path / "more", monkeypatch)
    assert [block.title for block in task_blocks(run / "results")] == ["Letters", *before]
    assert "<h2>Letters</h2>" in write_results_page(run / "results").read_text()


@pytest.mark.parametrize("name", ["units", "matcher", "cells", "recall@5/mean", "recall@5/low", "resampled"])
@pytest.mark.parametrize("value", [None, {"a": 1}, "a word"])
def test_a_result_that_lacks_something_is_one_sentence(tmp_path: Path, name: str, value: Any) -> None:
    path = write_run(tmp_path / "toy/first") / "results" / "retrieval.json"
    content = json.loads(path.read_text())
    for row in content["rows"]:
        if value is None:
            del row[name]
        else:
            row[name] = value
    path.write_text(json.dumps(content))
    drawn = value is not None and name == "resampled"  # which is written as it is
    with nullcontext() if drawn else pytest.raises(DataError, match=rf"^{path}: [^\n]*: run evaluate.py again"):
        task_blocks(path.parent)


@pytest.mark.parametrize("file", ["retrieval_examples.npz", "retrieval.json"])
def test_a_result_file_that_is_cut_off_is_one_sentence(tmp_path: Path, file: str) -> None:
    results = write_run(tmp_path / "toy/first") / "results"
    (results / file).write_bytes((results / file).read_bytes()[:40])
    with pytest.raises(DataError, match=rf"^{results}/{file}: [^\n]*: run evaluate.py again"):
        task_blocks(results)
