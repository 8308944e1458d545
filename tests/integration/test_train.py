"""A run's directory, what is logged in it, and its loggers."""

from pathlib import Path

import pytest
import torch
import yaml
from tiny_training import Gradients, composed, metrics_of, tiny, train_tiny

import past.train as entry
from past.config import load
from past.models import load_model
from past.training.checkpoint_io import read_checkpoint

pytestmark = pytest.mark.usefixtures("training_environment")


def test_a_runs_directory_holds_what_is_promised(tissue: Path, tmp_path: Path) -> None:
    trainer = train_tiny(tissue, tmp_path, "one", "logger=tensorboard")
    run = tmp_path / "tiny" / "one"
    assert trainer.global_step == 15
    assert "${" not in (run / "config.yaml").read_text()
    assert yaml.safe_load((run / "config.yaml").read_text()) == load(run / "config.yaml")
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}
    assert list((run / "tensorboard").glob("events.out.*"))
    assert not list(tmp_path.glob("tiny/one/*logs*"))

    rows = metrics_of(run)
    best = max((row for row in rows if row["val/recall@5/mean"]), key=lambda row: float(row["val/recall@5/mean"]))
    saved = read_checkpoint(run / "checkpoints" / "best.ckpt")
    assert saved["global_step"] == int(best["step"]) + 1
    assert saved["past"]["config"] == load(run / "config.yaml")
    assert saved["past"]["crops"] == {"mpp": 0.5, "px": 32, "normalise_stain": False}
    assert load_model(run / "checkpoints" / "last.ckpt").tokenizer == saved["past"]["tokenizer"]


def test_what_is_logged(tissue: Path, tmp_path: Path) -> None:
    train_tiny(tissue, tmp_path, "logged", "module.optim.image_encoder_factor=0.1", "trainer.accumulate_grad_batches=2")
    rows = metrics_of(tmp_path / "tiny" / "logged")
    assert [int(row["step"]) for row in rows] == list(range(9))
    for row in rows:
        assert float(row["train/ln_batch"]) == pytest.approx(2.7726, abs=1e-4)  # ln 16
        for name in ("train/loss", "train/temperature", "grad_norm", "cells_per_second", "wait_share", "memory_gb"):
            assert float(row[name]) > 0, name
        factor = float(row["lr-AdamW/image_encoder"]) / float(row["lr-AdamW/rest"])
        assert factor == pytest.approx(0.1)
    assert len({row["lr-AdamW/rest"] for row in rows}) == len(rows)  # the schedule ran
    validated = [row for row in rows if row["val/recall@5/mean"]]
    assert len(validated) == 3
    for k in (1, 5, 10):
        assert [float(row[f"val/recall@{k}/chance"]) for row in validated] == pytest.approx([k / 40] * 3)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_accumulation_averages_once(tissue: Path, tmp_path: Path, accumulate: int) -> None:
    calm = ["model.dropout=0", "model.niche_encoder.dropout=0"]
    trainer = train_tiny(
        tissue, tmp_path, "gradients", *calm, "trainer.max_steps=2", f"trainer.accumulate_grad_batches={accumulate}",
        "+callbacks.gradients._target_=tiny_training.Gradients",
    )  # fmt: skip
    (kept,) = [callback for callback in trainer.callbacks if isinstance(callback, Gradients)]  # type: ignore[attr-defined]
    assert len(kept.updates) == 2
    for got, expected in kept.updates:
        assert len(got) > 20
        for own, right in zip(got, expected, strict=True):
            torch.testing.assert_close(own, right, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("precision", "tolerance"), [("32-true", 1e-4), ("bf16-mixed", 2e-2)])
def test_how_a_batch_is_computed_changes_no_number(
    tissue: Path, tmp_path: Path, precision: str, tolerance: float
) -> None:
    """Dropout is on: each cell's follows from the seed, however the batch is cut."""
    same = ["trainer.max_steps=3", "trainer.accumulate_grad_batches=2", f"trainer.precision={precision}"]
    lean = [
        "module.loss.cache_chunk=5", "module.execution.recompute=[image_encoder,cell_encoder]",
        "module.execution.channels_last=true", "module.optim.fused=false",
    ]  # fmt: skip
    for run_id, how in (("plain", []), ("lean", lean)):
        train_tiny(tissue, tmp_path, run_id, *same, *how)
    rows = [metrics_of(tmp_path / "tiny" / run_id) for run_id in ("plain", "lean")]
    assert len(rows[0]) == 3
    for plain, other in zip(*rows, strict=True):
        for name in ("train/loss", "grad_norm"):
            assert float(other[name]) == pytest.approx(float(plain[name]), rel=tolerance), name


def test_a_sweep_gives_each_job_its_own_run(tissue: Path, tmp_path: Path) -> None:
    for job in (0, 1):
        entry.train(composed("train", *tiny(tissue, tmp_path, "null", "trainer.max_steps=1", f"seed={job}")), job=job)
    runs = sorted((tmp_path / "tiny").iterdir(), key=lambda run: run.name[-2:])  # within one second, chance orders them
    assert [run.name[-2:] for run in runs] == ["-0", "-1"]
    assert [load(run / "config.yaml")["seed"] for run in runs] == [0, 1]
    assert [read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"] for run in runs] == [1, 1]
