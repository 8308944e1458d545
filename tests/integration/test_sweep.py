"""Sweeps on one machine: Optuna chooses by the models' own metric, and their page compares them; and a trace."""

import json
import runpy
import sys
from pathlib import Path

import pytest
import yaml
from tiny_training import ROOT, metrics_of, tiny, train_tiny
from typer.testing import CliRunner

from past.cli.app import app
from past.config import load

pytestmark = pytest.mark.usefixtures("training_environment")


def test_optuna_is_told_the_best_of_each_run(tissue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = "model.temperature=tag(log, interval(0.02, 0.5))"
    asked = ["-m", "hparams=optuna", space, "hydra.sweeper.n_trials=2", *tiny(tissue, tmp_path, "sweep")]
    monkeypatch.setattr(sys, "argv", [str(ROOT / "train.py"), *asked])
    runpy.run_path(sys.argv[0], run_name="__main__")
    runs = sorted((tmp_path / "tiny").iterdir())
    assert [run.name for run in runs] == ["sweep-0", "sweep-1"]
    best = [max(float(row["val/recall@5/mean"] or 0) for row in metrics_of(run)) for run in runs]
    told = yaml.safe_load((tmp_path / "optimization_results.yaml").read_text())
    assert told["best_value"] == pytest.approx(max(best))
    config = load(runs[best.index(max(best))] / "config.yaml")
    assert told["best_params"]["model.temperature"] == pytest.approx(config["model"]["temperature"])
    assert told["best_params"]["module.optim.lr"] == pytest.approx(config["module"]["optim"]["lr"])

    shown = CliRunner().invoke(app, ["report", *map(str, runs)], catch_exceptions=False)
    assert shown.exit_code == 0
    page = (tmp_path / "tiny" / "sweep.html").read_text()
    assert "<th>model.temperature</th>" in page
    assert all(f"{value:.3f}" in page for value in best)


def test_a_trace_lies_in_the_runs_directory(tissue: Path, tmp_path: Path) -> None:
    train_tiny(tissue, tmp_path, "traced", "profiler=trace")
    (trace,) = (tmp_path / "tiny" / "traced" / "profile").glob("*training_step*.json")
    named = {event.get("name", "") for event in json.loads(trace.read_text())["traceEvents"]}
    assert any("training_step" in name for name in named)
    assert "aten::addmm" in named
