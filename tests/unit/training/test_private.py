"""What torch and Lightning do not promise is still there and still does what we need of it."""

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.plugins.environments import LightningEnvironment
from lightning.pytorch.strategies import ModelParallelStrategy, model_parallel
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from past.training import private


class Line(pl.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(1, 1)

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        loss = self.line(batch).square().mean()
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


class Notes(Callback):
    """After each batch: whether its update is still to come."""

    def __init__(self) -> None:
        self.accumulating: list[bool] = []

    def on_train_batch_end(self, trainer: pl.Trainer, *_: object) -> None:
        self.accumulating.append(private.is_accumulating(trainer))


def test_two_batches_an_update_and_a_last_short_one(tmp_path) -> None:
    notes = Notes()
    trainer = pl.Trainer(
        max_epochs=1, accelerator="cpu", accumulate_grad_batches=2, callbacks=[notes], logger=False,
        default_root_dir=tmp_path, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Line(), torch.utils.data.DataLoader(torch.ones(5, 1), batch_size=1))
    assert notes.accumulating == [True, False, True, False, False]
    assert trainer.global_step == 3


class Steps(Logger):
    """Keeps the step of each call."""

    name, version = "steps", ""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[int | None] = []

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.told.append(step)

    def log_hyperparams(self, *args: object, **kwargs: object) -> None:
        """There are none."""


class StepsFrom(Callback):
    """Sets the logged step at the start of every batch."""

    def on_train_batch_start(self, trainer: pl.Trainer, module: pl.LightningModule, batch: object, index: int) -> None:
        private.set_logged_step(trainer, 40 + index)


def test_loggers_are_told_the_step_that_was_set(tmp_path) -> None:
    logger = Steps()
    trainer = pl.Trainer(
        max_epochs=1, accelerator="cpu", callbacks=[StepsFrom()], logger=logger, log_every_n_steps=1,
        default_root_dir=tmp_path, enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(Line(), torch.utils.data.DataLoader(torch.ones(3, 1), batch_size=1))
    assert logger.told == [40, 41, 42]


def test_a_fused_optimiser_leaves_unscaling_to_the_trainer() -> None:
    optimizer = torch.optim.Adam([nn.Parameter(torch.ones(1))], fused=True)
    assert optimizer._step_supports_amp_scaling is True  # else there is nothing to take away any more
    assert private.clippable(optimizer)._step_supports_amp_scaling is False


def test_parameters_are_shared_out_over_so_many_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []
    monkeypatch.setattr(model_parallel, "_setup_device_mesh", lambda *sizes: asked.append(sizes[:2]))
    monkeypatch.setattr(ModelParallelStrategy, "_setup_distributed", lambda self: None)
    monkeypatch.setattr(ModelParallelStrategy, "root_device", torch.device("cpu"))
    for ranks in (None, 6):
        strategy = ModelParallelStrategy(tensor_parallel_size=1)
        strategy.connect(Line())
        strategy.accelerator = CPUAccelerator()
        strategy.cluster_environment = LightningEnvironment()
        strategy.num_nodes = 2
        if ranks is not None:
            private.set_sharing_ranks(strategy, ranks)
        strategy.setup_environment()
    assert asked == [(2, 1), (6, 1)]


@pytest.mark.filterwarnings("ignore")
def test_ddp_says_what_its_communication_takes(tmp_path) -> None:
    store = f"file://{tmp_path}/store"
    torch.distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        model = DistributedDataParallel(nn.Linear(1, 1))
        private.measure_communication(model, 1)
        for _ in range(12):  # DDP measures none of its first ten
            model(torch.ones(1, 1)).sum().backward()
        seconds = private.exposed_communication(model)
        assert seconds is not None
        assert 0 <= seconds < 60
    finally:
        torch.distributed.destroy_process_group()
