"""Training through the entry point: it learns what is planted, resumes exactly, and validates where asked."""

from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from tiny_cohort import Planted, plant
from tiny_training import Stopped, composed, metrics_of

import past.train as entry
from past.base.errors import ConfigError
from past.training.checkpoint_io import read_checkpoint

QUICK = (
    "experiment=survival", "trainer=cpu", "callbacks.progress=null", "model.dim=16", "module.optim.lr=0.01",
    "trainer.log_every_n_steps=1", "data.batch_size=20", "trainer.max_epochs=3",
)  # fmt: skip
ALONE = "data.samples.features=null"


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return plant(tmp_path_factory.mktemp("made") / "cohort", patients=120, by_genes=3.0, without=(6, 6))


def train(cohort: Planted, root: Path, run_id: str, *words: str) -> pl.Trainer:
    arms = (*cohort.words, *cohort.molecules, *cohort.image)
    return entry.train(composed("train", *QUICK, *arms, f"output_root={root}", f"run_id={run_id}", *words))


def weights(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"]


@pytest.mark.parametrize("words", [(ALONE,), (ALONE, "data.samples.intervals=3"), ("model.pool=gene_sets",)])
def test_it_learns_what_is_planted(cohort: Planted, tmp_path: Path, words: tuple[str, ...]) -> None:
    train(cohort, tmp_path, "a", "data.val=0.3", "trainer.max_epochs=10", *words)
    scores = [float(row["val/c"]) for row in metrics_of(tmp_path / "survival" / "a") if row["val/c"]]
    assert len(scores) == 10
    assert max(scores) > 0.7
    assert (tmp_path / "survival" / "a" / "checkpoints" / "best.ckpt").is_file()


def test_who_validates_on_nobody_has_no_best(cohort: Planted, tmp_path: Path) -> None:
    train(cohort, tmp_path, "a", "trainer.max_epochs=1")
    assert [path.name for path in (tmp_path / "survival" / "a" / "checkpoints").iterdir()] == ["last.ckpt"]


def test_a_crash_in_mid_epoch_changes_nothing(cohort: Planted, tmp_path: Path) -> None:
    train(cohort, tmp_path, "whole")
    crash = ("+callbacks.crash._target_=tiny_training.CrashAt", "callbacks.last.every=1")
    with pytest.raises(Stopped):
        train(cohort, tmp_path, "cut", *crash, "+callbacks.crash.step=6")
    assert 6 % 4, "four updates an epoch"
    train(cohort, tmp_path, "cut")
    one, other = (weights(tmp_path / "survival" / name) for name in ("whole", "cut"))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_cox_needs_somebody_to_compare_with(cohort: Planted, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="compares the patients of a batch"):
        train(cohort, tmp_path, "a", "data.batch_size=1")
    train(cohort, tmp_path, "b", "data.batch_size=1", "data.samples.intervals=2", "trainer.max_steps=2")
