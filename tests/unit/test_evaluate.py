"""evaluate.py knows nothing of a task but what every task has: one made here goes its whole way."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_training import composed
from toy_task import add_toy

import past.evaluate as entry
from past.base.errors import ConfigError, DataError


def evaluate(file: Path, root: Path, *overrides: str, factor: int = 1) -> Path:
    config = composed("evaluate", f"output_root={root}", "name=toy", *overrides)
    config.task = {"_target_": "past.evaluation.count.task.Count", "file": str(file), "factor": factor}
    return entry.evaluate(config)


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    add_toy(tmp_path / "added", monkeypatch)
    (tmp_path / "text.txt").write_text("four")
    return tmp_path / "text.txt"


def test_a_new_task_needs_its_folder_only(text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = evaluate(text, tmp_path / "runs")
    assert results == tmp_path / "runs" / "toy" / "one" / "results"
    printed = capsys.readouterr().out
    assert "text.txt" in printed
    assert printed.endswith(f"results in {results}\n")
    content = json.loads((results / "count.json").read_text())
    assert set(content.pop("versions")) == set(entry.MOVES_NUMBERS)
    assert content == {"task": "count", "file": str(text), "factor": 1, "letters": 4}
    page = (results / "report.html").read_text()
    assert "<h2>Letters</h2>" in page
    before = {path.name: path.read_bytes() for path in results.iterdir()}
    assert evaluate(text, tmp_path / "runs") == results
    assert {path.name: path.read_bytes() for path in results.iterdir()} == before


def test_other_settings_are_refused_in_its_folder_and_welcome_in_another(text: Path, tmp_path: Path) -> None:
    evaluate(text, tmp_path / "runs")
    with pytest.raises(ConfigError, match=r"holds results of 1, not of 2 \(factor\); give another results_dir="):
        evaluate(text, tmp_path / "runs", factor=2)
    elsewhere = evaluate(text, tmp_path / "runs", f"results_dir={tmp_path / 'other'}", factor=2)
    assert json.loads((elsewhere / "count.json").read_text())["letters"] == 8


def test_what_could_not_be_judged_ends_it_with_a_fault_after_all_is_written(
    text: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text.write_text("")
    with pytest.raises(
        DataError, match=r"^these could not be judged, and the results are without them:\ntext\.txt: empty$"
    ):
        evaluate(text, tmp_path / "runs")
    assert (tmp_path / "runs/toy/one/results/report.html").is_file()
    assert "results in" in capsys.readouterr().out


def test_importing_it_imports_no_task_and_nothing_heavy() -> None:
    heavy = "{'torch', 'lightning', 'pandas', 'past.evaluation.task'}"
    told = f"import sys, past.evaluate; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
