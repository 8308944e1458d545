"""Every task of conf/task is what evaluate.py expects: its name, `open`, `origin`, a call, and a page beside it."""

import inspect
from importlib import import_module
from pathlib import Path

import hydra.utils
import pytest
from tiny_training import ROOT, composed

from past.evaluation.task import Task

TASKS = sorted(path.stem for path in (ROOT / "conf" / "task").glob("*.yaml"))


def arguments(function: object) -> list[str]:
    return [*inspect.signature(function).parameters]  # type: ignore[arg-type]


@pytest.mark.parametrize("name", TASKS)
def test_a_task_takes_what_evaluate_gives_it(name: str, tmp_path: Path) -> None:
    target = composed("evaluate", f"task={name}", f"output_root={tmp_path}", "name=n").task["_target_"]
    kind = hydra.utils.get_class(target)
    for method in ("open", "origin", "__call__"):
        assert arguments(getattr(kind, method)) == arguments(getattr(Task, method))
    page = import_module(target.rsplit(".", 2)[0] + ".page")
    assert page.blocks(tmp_path) == []  # nothing was judged: no block
