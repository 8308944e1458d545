"""A training of seconds through the entry point, and callbacks that look into it or end it."""

import csv
import os
import signal
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from hydra import compose, initialize_config_dir
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig

import past.train as entry
from past.models.past.batch import CellBatch
from past.models.past.module import Contrast, PASTModule

ROOT = Path(entry.__file__).resolve().parents[1]
TINY = (
    "name=tiny", "trainer=cpu", "callbacks.progress=null", "trainer.max_epochs=3", "trainer.log_every_n_steps=1",
    "data.batch_size=16", "data.num_workers=0", "data.samples.context=16", "data.val=0.3",
    "encoder.name=test_vit", "+encoder.options.img_size=32", "model.dim=8", "model.niche_encoder.hidden=16",
    "cell_encoder.width=16", "cell_encoder.layers=1", "cell_encoder.heads=2", "cell_encoder.feedforward=16",
)  # fmt: skip

TIMED = ("cells_per_second", "wait_share", "forward_share", "backward_share", "communication_share", "memory_gb")


class Stopped(Exception):
    """What ends a training from within, as a crash would."""


class CrashAt(Callback):
    """Raises where the batch after `step` updates would begin, or, with `validating`, where validation would."""

    def __init__(self, step: int, validating: bool = False) -> None:
        self._step, self._validating = step, validating

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        if not self._validating and trainer.global_step == self._step:
            raise Stopped

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._validating and trainer.global_step == self._step:
            raise Stopped


class InterruptAt(Callback):
    """Sends this process what Ctrl-C sends, once, in the batch that begins after `step` updates."""

    def __init__(self, step: int) -> None:
        self._step: int | None = step

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == self._step:
            self._step = None
            os.kill(os.getpid(), signal.SIGINT)


class KillRank(Callback):
    """Kills one rank where its batch after `step` updates would begin, unless torchrun has started it again."""

    def __init__(self, rank: int, step: int) -> None:
        self._rank, self._step = rank, step

    def on_train_batch_start(self, trainer: pl.Trainer, *_: object) -> None:
        first = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
        if first and trainer.global_rank == self._rank and trainer.global_step == self._step:
            os.kill(os.getpid(), signal.SIGKILL)


class PoisonAt(Callback):
    """Adds a number that is none to one rank's loss in the given update; its gradient stays as it is."""

    def __init__(self, update: int, rank: int = 0) -> None:
        self._update, self._rank = update, rank

    def on_train_batch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: object) -> None:
        if trainer.global_step == self._update - 1 and trainer.global_rank == self._rank:
            pl_module.loss = Poisoned(**vars(pl_module.loss))


class Poisoned(Contrast):
    def __call__(self, *given: Any) -> torch.Tensor:
        return super().__call__(*given) + float("nan")


class Tell(Callback):
    """Says on stdout that the first update is done."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        if trainer.global_step == 1:
            print("first update", flush=True)


class SaveWeights(Callback):
    """Writes every rank's own weights at the end, to `<directory>/rank<r>.pt`."""

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        torch.save(pl_module.state_dict(), self._directory / f"rank{trainer.global_rank}.pt")


class Gradients(Callback):
    """Keeps, for each update, its gradients and the mean of those that its batches have one by one."""

    updates: list[tuple[list[torch.Tensor], list[torch.Tensor]]]

    def __init__(self) -> None:
        self._batches: list[CellBatch] = []
        self.updates = []

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: CellBatch, _: int
    ) -> None:
        self._batches.append(batch.ready(pl_module.device))

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        assert isinstance(pl_module, PASTModule)
        losses = [pl_module.loss(pl_module.model(batch), pl_module.bias) for batch in self._batches]
        own = [parameter for parameter in pl_module.parameters() if parameter.grad is not None]
        expected = torch.autograd.grad(torch.stack(losses).mean(), own)
        self.updates.append(([parameter.grad.clone() for parameter in own if parameter.grad is not None], [*expected]))
        self._batches.clear()


def composed(config: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        return compose(config, [*overrides])


def tiny(shards: Path | str, root: Path, run_id: str, *overrides: str) -> list[str]:
    """The command line of a small PAST, of every part the smallest."""
    return [*TINY, f"data.root={shards}", f"output_root={root}", f"run_id={run_id}", *overrides]


def train_tiny(shards: Path | str, root: Path, run_id: str, *overrides: str) -> pl.Trainer:
    return entry.train(composed("train", *tiny(shards, root, run_id, *overrides)))


def metrics_of(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))
