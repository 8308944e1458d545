"""From a run to its table: `evaluate.py task=retrieval` and the page."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import composed, train_tiny
from typer.testing import CliRunner

import past.evaluate as entry
from past.base.errors import ConfigError, PastError
from past.base.h5ad import sha256_of
from past.cli.app import app

pytestmark = pytest.mark.usefixtures("training_environment")


def evaluate(root: Path, *overrides: str) -> Path:
    return entry.evaluate(composed("evaluate", "task=retrieval", f"output_root={root}", "name=tiny", *overrides))


@pytest.fixture(scope="module")
def runs(tissue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("judged")
    train_tiny(tissue, root, "one", "trainer.max_epochs=1")
    return root


def test_retrieval_writes_its_files_and_the_page_shows_them(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = evaluate(runs)
    assert results == runs / "tiny" / "one" / "results"
    assert f"results in {results}" in capsys.readouterr().out
    found = json.loads((results / "retrieval.json").read_text())
    checkpoint = runs / "tiny" / "one" / "checkpoints" / "best.ckpt"
    assert found["checkpoint"] == str(checkpoint)
    assert (found["ckpt"], found["weights"]) == ("best.ckpt", sha256_of(checkpoint))
    assert set(found["versions"]) == set(entry.MOVES_NUMBERS)
    assert {(row["scope"], row["matcher"]) for row in found["rows"]} == {
        (scope, matcher) for scope in ("section", "patient", "all") for matcher in ("PAST", "linear")
    }
    for row in found["rows"]:
        assert row["cells"] == 40
        assert row["recall@5/chance"] == pytest.approx(5 / 40)
        assert row["recall@5/chance"] < row["recall@5/ceiling"] <= 1
    with (results / "retrieval.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [float(row["recall@5/mean"]) for row in table] == [row["recall@5/mean"] for row in found["rows"]]
    with np.load(results / "retrieval_examples.npz", allow_pickle=False) as examples:
        assert examples["crops"].shape == (6, 32, 32, 3)
        assert examples["nearest"].shape == (6, 5)
    assert "What a crop finds" in (results / "report.html").read_text()
    assert CliRunner().invoke(app, ["report", str(runs / "tiny" / "one")], catch_exceptions=False).exit_code == 0
    page = (runs / "tiny" / "one" / "report.html").read_text()
    assert all(part in page for part in ("Training", "Retrieval", "What a crop finds", "Configuration"))
    assert "http" not in page.replace("http://www.w3.org", "")


def test_what_is_asked_of_the_data_is_heard(runs: Path, tissue: Path, tmp_path: Path) -> None:
    patient = json.loads((tissue / "index.json").read_text())["shards"][0]["patients"][0]
    results = evaluate(runs, "ckpt=last", f"results_dir={tmp_path}", f"data.val=[{patient}]", "data.batch_size=7")
    assert results == tmp_path
    found = json.loads((results / "retrieval.json").read_text())
    assert {row["patient"] for row in found["rows"]} == {patient}
    assert found["checkpoint"].endswith("last.ckpt")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["name=other"], "no run in .*other"),
        (["run_id=none"], "none/checkpoints/best.ckpt"),
        (["ckpt=a/b.ckpt"], "ckpt=a/b.ckpt: no such file or folder; ckpt= may be best or last or a path"),
        (["ckpt=besst"], "ckpt=besst: no such file or folder; ckpt= may be best or last or a path"),
        (["data.root=nowhere"], "nowhere"),
        (["data.val=[P99]"], "P99"),
        (["+sed=5"], "unknown key sed"),
        (["+task.kss=[1]"], "unknown key task.kss"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_one_sentence(runs: Path, words: list[str], named: str) -> None:
    with pytest.raises(PastError, match=named) as refusal:
        evaluate(runs, *words)
    assert "\n" not in str(refusal.value)


def test_the_same_again_is_the_same_and_anything_else_is_refused(
    runs: Path, tissue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = f"results_dir={tmp_path / 'out'}"
    results = evaluate(runs, out)
    before = {path.name: path.read_bytes() for path in results.iterdir()}
    assert evaluate(runs, out, "data.batch_size=16") == results  # as the training had it
    assert {path.name: path.read_bytes() for path in results.iterdir()} == before
    with pytest.raises(ConfigError, match=r"of 'best\.ckpt', not of 'last\.ckpt' \(ckpt\)"):
        evaluate(runs, out, "ckpt=last")
    with pytest.raises(ConfigError, match=r"of \[1, 5, 10\], not of \[1, 5\] \(ks\)"):
        evaluate(runs, out, "task.ks=[1,5]")
    shutil.copytree(tissue, tmp_path / "moved")
    with pytest.raises(ConfigError, match=r"not of '.*moved' \(data\.root\)"):
        evaluate(runs, out, f"data.root={tmp_path / 'moved'}")
    monkeypatch.chdir(tmp_path)
    trained_on = runs / "tiny" / "one" / "checkpoints" / "best.ckpt"
    content = torch.load(trained_on, weights_only=True)
    torch.save({**content, "trained": "further"}, "best.ckpt")
    with pytest.raises(ConfigError, match=r"not of '[0-9a-f]{64}' \(weights\); give another results_dir=, or remove"):
        evaluate(runs, out, "ckpt=./best.ckpt")
    Path("alone.ckpt").write_bytes(trained_on.read_bytes())
    elsewhere = evaluate(runs, f"results_dir={tmp_path / 'other'}", "ckpt=alone.ckpt")
    same, other = (json.loads((folder / "retrieval.json").read_text()) for folder in (results, elsewhere))
    assert other["rows"] == same["rows"]
