from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import pandas as pd
import pytest
import torch
from tiny_past import fit_tiny, planted_data, tiny_module, tiny_trainer
from tiny_training import PoisonAt

from past.base.errors import TrainingError
from past.training.callbacks import GradientNorm, SeedBatches
from past.training.checkpoint_io import read_checkpoint
from past.training.keep_last import KeepLast
from past.training.metrics_csv import MetricsCSV

pytestmark = pytest.mark.filterwarnings("ignore")


class Norms(pl.Callback):
    """Measures the gradient by hand, as it stands before clipping."""

    def __init__(self) -> None:
        self.found: list[float] = []

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        flat = [p.grad.flatten() for p in pl_module.parameters() if p.grad is not None]
        self.found.append(torch.cat(flat).norm().item())


@pytest.mark.parametrize("accumulate", [1, 2])
def test_they_log_once_an_update_what_is_there(tmp_path: Path, accumulate: int) -> None:
    data, module, norms = planted_data(tmp_path / "set"), tiny_module(), Norms()
    module.fit_parts(data.samples.for_fitting())
    trainer = tiny_trainer(
        tmp_path, callbacks=[GradientNorm(), norms], logger=MetricsCSV(str(tmp_path)),
        log_every_n_steps=1, gradient_clip_val=0.01, accumulate_grad_batches=accumulate,
    )  # fmt: skip
    fit_tiny(trainer, module, data)
    metrics = pd.read_csv(tmp_path / "metrics.csv")
    logged = metrics["grad_norm"].dropna().to_numpy()
    assert len(norms.found) == 8 // accumulate
    assert logged == pytest.approx(norms.found, rel=1e-4)
    assert min(norms.found) > 0.01  # or the clipping would not show


class BreakGradient(pl.Callback):
    """Makes one number of the gradient infinite in update `at`."""

    def __init__(self, at: int) -> None:
        self._at = at

    def on_after_backward(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if trainer.global_step == self._at - 1:
            gradient = next(parameter.grad for parameter in pl_module.parameters() if parameter.grad is not None)
            gradient.flatten()[0] = float("inf")


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize(
    ("breaks", "named"), [(PoisonAt(3), "the loss"), (BreakGradient(3), "the norm of the gradient")]
)
def test_training_ends_at_the_first_number_that_is_none(
    tmp_path: Path, accumulate: int, breaks: pl.Callback, named: str
) -> None:
    data, module = planted_data(tmp_path / "set"), tiny_module()
    module.fit_parts(data.samples.for_fitting())
    callbacks = [GradientNorm(), KeepLast(str(tmp_path), every=1), breaks]
    trainer = tiny_trainer(tmp_path, callbacks=callbacks, accumulate_grad_batches=accumulate)
    with pytest.raises(TrainingError, match=f"^update 3: {named} is not finite, and training has ended; nothing"):
        fit_tiny(trainer, module, data)
    saved = read_checkpoint(tmp_path / "last.ckpt")
    assert saved["global_step"] == 2
    assert all(value.isfinite().all() for value in saved["state_dict"].values())


def test_a_scaler_may_leave_updates_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, module = planted_data(tmp_path / "set"), tiny_module()
    module.fit_parts(data.samples.for_fitting())
    trainer = tiny_trainer(tmp_path, callbacks=[GradientNorm(), BreakGradient(3)], max_steps=3)
    monkeypatch.setattr(trainer.precision_plugin, "scaler", object(), raising=False)
    fit_tiny(trainer, module, data)
    assert trainer.global_step == 3


def seeds_of(updates: list[int], seed: int = 1, rank: int = 0) -> list[int]:
    """The seed of each batch of one program, in which batches belong to these updates."""
    callback, found = SeedBatches(seed), []
    trainer: Any = SimpleNamespace(global_rank=rank, fit_loop=SimpleNamespace(epoch_loop=SimpleNamespace()))
    with torch.random.fork_rng():
        for update in updates:
            trainer.global_step = update
            callback.on_train_batch_start(trainer, pl.LightningModule(), None, 0)
            found.append(torch.initial_seed())
            assert trainer.fit_loop.epoch_loop._batches_that_stepped == update
    return found


def test_a_batchs_seed_follows_from_run_rank_update_and_place() -> None:
    whole = seeds_of([0, 0, 1, 1, 2])
    assert seeds_of([1, 1, 2]) == whole[2:], "after a resume"
    others = [*whole, *seeds_of([0, 0, 1], seed=2), *seeds_of([0, 0, 1], rank=1)]
    assert len(set(others)) == len(others)
