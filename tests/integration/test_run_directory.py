"""A run's directory says what its weights were trained with; one process trains in it; what is broken is no start."""

import re
from pathlib import Path

import pytest
from damaged import zero_a_page
from tiny_training import train_tiny

from past.base.errors import CheckpointError, ConfigError
from past.base.runs import Run
from past.config import load
from past.training.checkpoint_io import read_checkpoint

pytestmark = pytest.mark.usefixtures("training_environment")
SHORT = ("trainer.max_epochs=1", "module.optim.min_lr=0")


def test_other_settings_are_refused_and_change_nothing(tissue: Path, tmp_path: Path) -> None:
    train_tiny(tissue, tmp_path, "run", *SHORT)
    run = Run(tmp_path, "tiny", "run")
    before = run.config.read_bytes()
    with pytest.raises(
        ConfigError, match=r"other settings \(module\.optim\.lr: 0\.0005 → 0\.1\): give the old ones, or"
    ):
        train_tiny(tissue, tmp_path, "run", *SHORT, "module.optim.lr=0.1")
    assert run.config.read_bytes() == before
    with pytest.raises(ConfigError, match="ckpt=None would train over what is in"):
        train_tiny(tissue, tmp_path, "run", *SHORT, "ckpt=null")


def test_what_may_change_is_recorded(tissue: Path, tmp_path: Path) -> None:
    train_tiny(tissue, tmp_path, "run", *SHORT)
    assert train_tiny(tissue, tmp_path, "run", *SHORT, "trainer.max_epochs=2").global_step == 10
    run = Run(tmp_path, "tiny", "run")
    assert [load(path)["trainer"]["max_epochs"] for path in (run.config_until(5), run.config)] == [1, 2]
    assert read_checkpoint(run.checkpoints / "last.ckpt")["past"]["config"] == load(run.config)


def test_a_second_process_is_refused(tissue: Path, tmp_path: Path) -> None:
    with Run(tmp_path, "tiny", "run").claimed(), pytest.raises(ConfigError, match="tiny/run is being trained already"):
        train_tiny(tissue, tmp_path, "run", *SHORT)
    train_tiny(tissue, tmp_path, "run", *SHORT)


def test_a_zeroed_page_is_never_gone_on_from(tissue: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    train_tiny(tissue, tmp_path, "run", *SHORT)
    run = Run(tmp_path, "tiny", "run")
    zero_a_page(run.checkpoints / "last.ckpt")
    with pytest.raises(CheckpointError, match=r"last\.ckpt: damaged"):
        train_tiny(tissue, tmp_path, "other", *SHORT, f"ckpt={run.checkpoints}/last.ckpt")
    with pytest.raises(CheckpointError, match=r"last\.ckpt: damaged"):
        train_tiny(tissue, tmp_path, "other", *SHORT, f"init.image_encoder={run.checkpoints}/last.ckpt")
    with caplog.at_level("INFO"):
        train_tiny(tissue, tmp_path, "run", *SHORT, "trainer.max_epochs=2")
    assert re.search(r"last\.ckpt is passed over: .*damaged", caplog.text)
    assert f"resuming from {run.checkpoints / 'best.ckpt'}" in caplog.text
    for path in run.checkpoints.iterdir():
        zero_a_page(path)
    with pytest.raises(CheckpointError, match=r"nothing to go on from, .* cannot be read: put a copy in place"):
        train_tiny(tissue, tmp_path, "run", *SHORT, "trainer.max_epochs=2")
