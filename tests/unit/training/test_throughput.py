from pathlib import Path

import pandas as pd
import pytest
import torch
from tiny_past import fit_tiny, planted_data, tiny_module, tiny_trainer
from torch.utils.flop_counter import FlopCounterMode

from past.training.keep_last import KeepLast
from past.training.metrics_csv import MetricsCSV
from past.training.throughput import Throughput, _memory

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("accumulate", [1, 2])
def test_shares_memory_and_utilisation_are_logged_once_an_update(tmp_path: Path, accumulate: int) -> None:
    data, module = planted_data(tmp_path / "set"), tiny_module()
    sample = data.samples.for_fitting()
    module.fit_parts(sample)
    trainer = tiny_trainer(
        tmp_path, callbacks=[Throughput(peak=1e9)], logger=MetricsCSV(str(tmp_path)),
        log_every_n_steps=1, accumulate_grad_batches=accumulate,
    )  # fmt: skip
    fit_tiny(trainer, module, data)
    metrics = pd.read_csv(tmp_path / "metrics.csv").dropna(subset="mfu")
    assert len(metrics) == 8 // accumulate
    shares = metrics[["wait_share", "forward_share", "backward_share"]]
    assert (shares > 0).all(axis=None)
    assert (shares.sum(axis=1) < 1).all()
    assert metrics["memory_gb"].between(0.05, 50).all()
    assert "communication_share" not in metrics  # one process has none
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.model(sample[0])
    towers = counter.get_total_flops() / len(sample[0])
    operations = metrics["mfu"] * 1e9 / 3 / metrics["cells_per_second"]  # of a cell, forward
    assert operations.to_numpy() == pytest.approx(operations.iloc[0])
    assert towers < operations.iloc[0] < 2 * towers  # the loss has some too


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.mark.parametrize("ranks", [1, 4])
def test_time_is_told_apart_validation_left_out_and_every_rank_counted(
    ranks: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    clock, logged = Clock(), {}
    monkeypatch.setattr("past.training.throughput.time", clock)
    monkeypatch.setattr("past.training.throughput.rank_and_world", lambda: (0, ranks))
    trainer, module, watch = tiny_trainer(tmp_path, max_epochs=1, log_every_n_steps=1), tiny_module(), Throughput()
    monkeypatch.setattr(module, "log", lambda name, value, **_: logged.update({name: value}))
    watch.on_train_epoch_start(trainer, module)
    for waited in (1.0, 3.0):
        clock.now += waited
        watch.on_train_batch_start(trainer, module, range(20), 0)
        clock.now += 2.0
        watch.on_before_backward(trainer, module, torch.tensor(0.0))
        clock.now += 4.0
        watch.on_after_backward(trainer, module)
        clock.now += 3.0
        watch.on_train_batch_end(trainer, module, None, range(20), 0)
        whole = waited + 9
        assert logged.pop("memory_gb") > 0
        expected = {"wait_share": waited, "forward_share": 2, "backward_share": 4, "cells_per_second": 20 * ranks}
        assert logged == {name: value / whole for name, value in expected.items()}  # no peak, no utilisation
        clock.now += 100
        watch.on_validation_end(trainer, module)


def test_a_run_that_goes_on_within_an_epoch_counts_from_its_start(tmp_path: Path) -> None:
    data, module = planted_data(tmp_path / "set"), tiny_module()
    module.fit_parts(data.samples.for_fitting())
    keep = KeepLast(str(tmp_path))
    fit_tiny(tiny_trainer(tmp_path, callbacks=[keep], max_steps=2), module, data)  # of the 4 of an epoch
    watch = Throughput()
    watch._marks = [("", torch.cuda.Event())]  # of another device's clock
    trainer = tiny_trainer(tmp_path, callbacks=[watch], log_every_n_steps=1)
    fit_tiny(trainer, tiny_module(), data, tmp_path / "last.ckpt")
    assert trainer.logged_metrics["cells_per_second"] > 0


def test_memory_of_a_gpu_is_the_most_that_was_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 3_500_000_000)
    assert _memory(torch.device("cuda")) == 3.5
