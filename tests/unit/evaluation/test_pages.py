"""A task's page is found by its name, and drawn from its files."""

from pathlib import Path

import pytest
from retrieval_results import write_run
from toy_task import add_toy

from past.evaluation.pages import task_blocks, write_results_page


def test_a_tasks_page_is_found_by_its_name_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = write_run(tmp_path / "toy/first")
    before = [block.title for block in task_blocks(run / "results")]
    (run / "results" / "count.json").write_text('{"letters": 3}')
    assert [block.title for block in task_blocks(run / "results")] == before
    add_toy(tmp_path / "more", monkeypatch)
    assert [block.title for block in task_blocks(run / "results")] == ["Letters", *before]
    assert "<h2>Letters</h2>" in write_results_page(run / "results").read_text()
