"""A task as a user would add one: its folder, with what it does and its page, and one node of configuration."""

import sys
from pathlib import Path

import pytest

import past.evaluation

TASK = """
from dataclasses import dataclass
from pathlib import Path

from past.base.runs import Run


@dataclass(frozen=True)
class Text:
    run: Run
    words: str


class Count:
    name = "count"

    def __init__(self, file, factor=1):
        self.file, self.factor = Path(file), factor

    def open(self, config, door):
        return Text(Run(config["output_root"], config["name"], "one"), self.file.read_text())

    def origin(self, given):
        return {"file": str(self.file), "factor": self.factor}

    def __call__(self, given, results):
        letters = self.factor * len(given.words)
        results.write_summary({"letters": letters})
        if not letters:
            results.fault(f"{self.file.name}: empty")
        return [{"file": self.file.name, "letters": letters}]
"""
PAGE = """
import json

from past.report.blocks import Block


def blocks(results):
    path = results / "count.json"
    return [Block("Letters", text=str(json.loads(path.read_text())["letters"]))] if path.is_file() else []
"""


def add_toy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the task into past.evaluation, as `past/evaluation/count/`, for one test; its files lie in `folder`."""
    (folder / "count").mkdir(parents=True)
    for name, text in (("__init__", ""), ("task", TASK), ("page", PAGE)):
        (folder / "count" / f"{name}.py").write_text(text)
    monkeypatch.setattr(past.evaluation, "__path__", [str(folder), *past.evaluation.__path__])
    for name in ("count", "count.task", "count.page"):
        monkeypatch.delitem(sys.modules, f"past.evaluation.{name}", raising=False)
