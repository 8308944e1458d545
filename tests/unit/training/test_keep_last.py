"""last.ckpt, Ctrl-C and the signals of clusters: the run that goes on is the run that was never stopped."""

import signal
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import pytest
import torch
from tiny_past import fit_tiny, planted_data, tiny_module, tiny_trainer

from past.models.past.module import PASTModule
from past.training.checkpoint_io import read_checkpoint
from past.training.keep_last import KeepLast
from past.training.metrics_csv import MetricsCSV

pytestmark = pytest.mark.filterwarnings("ignore")


class Signal(pl.Callback):
    """Sends this process a signal (Ctrl-C's) in the batch of update `at`, `times` times."""

    def __init__(self, at: int, times: int = 1, signum: int = signal.SIGINT) -> None:
        self.at, self.times, self.signum = at, times, signum
        self.validations = 0

    def on_after_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step == self.at:
            for _ in range(self.times):
                signal.raise_signal(self.signum)

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.validations += 1


class Broken(pl.Callback):
    def on_train_batch_start(self, *_: Any) -> None:
        raise RuntimeError("broken on purpose")


def fit(
    root: Path, run: str, *callbacks: pl.Callback, every: int = 500, resume: Path | None = None, **options: Any
) -> PASTModule:
    """Two epochs of 4 updates."""
    data, module = planted_data(root / "set"), tiny_module()
    if resume is None:
        module.fit_parts(data.samples.for_fitting())
    trainer = tiny_trainer(root, callbacks=[KeepLast(str(root / run), every), *callbacks], **options)
    fit_tiny(trainer, module, data, resume)
    return module


@pytest.mark.parametrize("at", [1, 3, 5])
def test_after_ctrl_c_the_run_goes_on_as_if_it_had_never_stopped(tmp_path: Path, at: int) -> None:
    before = signal.getsignal(signal.SIGINT)
    whole, press = fit(tmp_path, "whole"), Signal(at)
    fit(tmp_path, "stopped", press)
    assert signal.getsignal(signal.SIGINT) is before
    last = tmp_path / "stopped/last.ckpt"
    assert read_checkpoint(last)["global_step"] == at + 1  # the update in hand is done
    assert press.validations == at // 4  # that of the epoch that was cut short is left out
    resumed = fit(tmp_path, "stopped", resume=last)
    assert read_checkpoint(last)["global_step"] == 8
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2])
def test_another_signal_ends_the_program_once_all_is_saved(tmp_path: Path, signum: int) -> None:
    before = signal.getsignal(signum)
    whole = fit(tmp_path, "whole")
    with pytest.raises(SystemExit) as end:
        fit(tmp_path, "stopped", Signal(2, times=2, signum=signum))
    assert end.value.code == 128 + signum
    assert signal.getsignal(signum) is before
    last = tmp_path / "stopped/last.ckpt"
    assert read_checkpoint(last)["global_step"] == 3
    resumed = fit(tmp_path, "stopped", resume=last)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name


class SignalInValidation(pl.Callback):
    """Sends this process SIGUSR1 in the first validation."""

    def on_validation_batch_start(self, *_: Any) -> None:
        signal.raise_signal(signal.SIGUSR1)


def test_a_signal_in_validation_ends_there_and_the_run_goes_on(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    whole = fit(tmp_path, "whole", logger=MetricsCSV(str(tmp_path / "whole")), log_every_n_steps=1)
    logged = {"logger": MetricsCSV(str(tmp_path / "stopped")), "log_every_n_steps": 1}
    with pytest.raises(SystemExit) as end:
        fit(tmp_path, "stopped", SignalInValidation(), **logged)
    assert end.value.code == 128 + signal.SIGUSR1
    assert signal.getsignal(signal.SIGUSR1) is before
    last = tmp_path / "stopped/last.ckpt"
    assert read_checkpoint(last)["global_step"] == 4  # the epoch's last
    logged["logger"] = MetricsCSV(str(tmp_path / "stopped"))
    resumed = fit(tmp_path, "stopped", resume=last, **logged)
    for name, value in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], value), name
    own, right = (
        pd.read_csv(tmp_path / run / "metrics.csv").filter(like="val/").dropna() for run in ("stopped", "whole")
    )
    assert len(own) == 1  # nothing of the one that was cut short
    pd.testing.assert_frame_equal(own, right.tail(1))


def test_a_launcher_that_listens_is_told_once_all_is_saved(tmp_path: Path) -> None:
    told: list[int] = []

    def launcher(signum: int, frame: object) -> None:
        told.append(read_checkpoint(tmp_path / "run/last.ckpt")["global_step"])
        raise SystemExit(255)

    before = signal.signal(signal.SIGUSR2, launcher)
    try:
        with pytest.raises(SystemExit) as end:
            fit(tmp_path, "run", Signal(2, signum=signal.SIGUSR2))
    finally:
        signal.signal(signal.SIGUSR2, before)
    assert (told, end.value.code) == ([3], 255)


def test_it_is_saved_every_so_many_updates_and_at_the_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []
    rows: list[int] = []
    save = pl.Trainer.save_checkpoint
    logger = MetricsCSV(str(tmp_path))

    def spy(trainer: pl.Trainer, path: Path, **options: Any) -> None:
        steps.append(trainer.global_step)
        rows.append(len((tmp_path / "metrics.csv").read_text().splitlines()) - 1)
        save(trainer, path, **options)

    monkeypatch.setattr(pl.Trainer, "save_checkpoint", spy)
    fit(tmp_path, "run", every=3, logger=logger, log_every_n_steps=1)
    assert steps == [3, 4, 6, 8]
    assert rows == [2, 3, 5, 7]  # what is logged by then is on disk: the update in hand is logged when it is over


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit):
        fit(tmp_path, "run", Signal(2, times=2))
    assert signal.getsignal(signal.SIGINT) is before
    assert not (tmp_path / "run/last.ckpt").exists()


def test_a_training_that_fails_gives_ctrl_c_back(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(RuntimeError, match="on purpose"):
        fit(tmp_path, "run", Broken())
    assert signal.getsignal(signal.SIGINT) is before
