from collections.abc import Callable
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from past.base.errors import ConfigError
from past.training.steps import Length, training_length

pytestmark = pytest.mark.filterwarnings("ignore")


class Found(Exception):
    """Ends the training once its length is known."""


class Ten(pl.LightningDataModule):
    def train_dataloader(self) -> DataLoader:
        return DataLoader(torch.ones(10, 1))


class Asking(pl.LightningModule):
    def __init__(self, batches: Callable[[], int] | None) -> None:
        super().__init__()
        self.batches = batches
        self.line, self.length = nn.Linear(1, 1), Length(0)

    def training_step(self, batch: torch.Tensor, index: int) -> None:
        """Lightning wants one."""

    def configure_optimizers(self) -> None:
        self.length = training_length(self.trainer, self.batches)
        raise Found


def length(root: Path, batches: Callable[[], int] | None = lambda: 10, **bounds: int) -> Length:
    module = Asking(batches)
    trainer = pl.Trainer(accelerator="cpu", logger=False, default_root_dir=root, **bounds)  # type: ignore[arg-type]
    with pytest.raises(Found):
        trainer.fit(module, datamodule=Ten())
    return module.length


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"max_epochs": -1, "max_steps": 7}, Length(7)),
        ({"max_epochs": 3}, Length(30, 10)),
        ({"max_epochs": 3, "max_steps": 25}, Length(25)),
        ({"max_epochs": 2, "max_steps": 25}, Length(20, 10)),
        ({"max_epochs": 3, "accumulate_grad_batches": 4}, Length(9, 3)),  # the last update of an epoch is a short one
    ],
)
def test_updates_by_whichever_bound_ends_first(tmp_path: Path, bounds: dict[str, int], expected: Length) -> None:
    assert length(tmp_path, **bounds) == expected


def test_a_training_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"max_epochs and trainer\.max_steps are both open"):
        length(tmp_path, max_epochs=-1, max_steps=-1)


def test_epochs_of_unknown_length_are_refused_and_updates_are_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"max_epochs bounds .* give trainer\.max_steps"):
        length(tmp_path, batches=None, max_epochs=3)
    assert length(tmp_path, batches=None, max_epochs=-1, max_steps=7) == Length(7)
