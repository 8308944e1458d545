"""The data module under Lightning: checkpoints in mid-epoch, its statement, its tokens."""

import logging
from dataclasses import replace
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from data_modules import cell_data
from lightning.pytorch.callbacks import ModelCheckpoint
from shards import GENES, keys_of, write_set

from past.base.errors import ConfigError
from past.data.shards.index import ShardIndex
from past.data.stream.datamodule import DataModule
from past.models.past.batch import CellBatch
from past.models.past.samples.augmentation import Augmentation


class Recorder(pl.LightningModule):
    """Remembers what it was trained on; may break off."""

    def __init__(self, stop_at: int | None = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.trained: list[list[str]] = []
        self.validated: list[str] = []
        self.stop_at = stop_at

    def training_step(self, batch: CellBatch, index: int) -> torch.Tensor:
        if self.global_step == self.stop_at:
            raise KeyboardInterrupt
        self.trained.append(batch.keys)
        return (self.weight - batch.crops.float().mean() / 255) ** 2

    def validation_step(self, batch: CellBatch, index: int) -> None:
        self.validated += batch.keys

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(model: Recorder, data: DataModule, root: Path, resume: Path | None = None, **options) -> pl.Trainer:
    callbacks = [ModelCheckpoint(root, filename="at-{step}", every_n_train_steps=1, save_top_k=-1)]
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, callbacks=callbacks, enable_progress_bar=False, enable_model_summary=False,
        num_sanity_val_steps=0, default_root_dir=root, **{"max_epochs": 2, **options},
    )  # fmt: skip
    trainer.fit(model, datamodule=data, ckpt_path=resume, weights_only=True)
    return trainer


def module(root: Path, workers: int = 0, **options) -> DataModule:
    settings = {"batch_size": 4, "val": ["P2"], "open_shards": 2, "buffer": 10, "context": 8, "neighbours": 2}
    return cell_data(str(root), num_workers=workers, **{**settings, **options})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_set(tmp_path / "set", [9, 4, 7, 8])  # patients P0, P1, P2, P0
    return tmp_path / "set"


@pytest.mark.filterwarnings("ignore")
def test_a_run_that_is_resumed_anywhere_is_the_run(root: Path, tmp_path: Path) -> None:
    whole = Recorder()
    fit(whole, module(root), tmp_path / "whole")
    assert len(whole.trained) == 12
    for step in (1, 5, 6, 7, 12):
        resumed = Recorder()
        fit(resumed, module(root, workers=step % 3), tmp_path / "again", tmp_path / f"whole/at-step={step}.ckpt")
        assert resumed.trained == whole.trained[step:], f"after {step} steps"
        assert torch.equal(resumed.weight, whole.weight)


@pytest.mark.filterwarnings("ignore")
def test_a_run_that_was_interrupted_has_not_used_the_batch_in_flight(root: Path, tmp_path: Path) -> None:
    whole, broken, resumed = Recorder(), Recorder(stop_at=4), Recorder()
    fit(whole, module(root), tmp_path / "whole")
    data = module(root, workers=2)
    trainer = pl.Trainer(
        accelerator="cpu", logger=False, enable_progress_bar=False, enable_model_summary=False, max_epochs=2,
        num_sanity_val_steps=0, default_root_dir=tmp_path, enable_checkpointing=False, callbacks=[SaveWhenBroken()],
    )  # fmt: skip
    with pytest.raises(SystemExit):
        trainer.fit(broken, datamodule=data)
    fit(resumed, module(root), tmp_path / "again", tmp_path / "broken.ckpt")
    assert broken.trained + resumed.trained == whole.trained


class SaveWhenBroken(pl.Callback):
    def on_exception(self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException) -> None:
        trainer.save_checkpoint(Path(trainer.default_root_dir) / "broken.ckpt")
        raise SystemExit from exception


def test_every_cell_is_trained_or_validated_on_and_it_says_so(
    root: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model, data = Recorder(), module(root, augmentation=Augmentation())
    with caplog.at_level(logging.INFO):
        fit(model, data, tmp_path, max_epochs=1)
    assert "train on 21 cells of 2 patients, validate on 7 of 1" in caplog.text
    assert "6 batches of 3 to 4 cells on each of 1 ranks, every one once" in caplog.text
    assert sorted(sum(model.trained, [])) == sorted(keys_of(data.split.train))  # noqa: RUF017
    assert model.validated == keys_of(data.split.val)
    assert data.batches_per_epoch == 6


def test_vocabularies(root: Path, tmp_path: Path) -> None:
    assert module(root).samples.tokenizer.vocabulary == GENES
    variable = module(root, vocabulary="variable:5").samples.tokenizer.vocabulary
    assert len(variable) == 5
    assert set(variable) < set(GENES)
    (tmp_path / "genes.txt").write_text("G3\nX\nG1\n")
    np.save(tmp_path / "mean.npy", np.array([2.0, np.nan, 3.0]))
    given = module(root, vocabulary=str(tmp_path / "genes.txt"), technology_mean=str(tmp_path / "mean.npy"))
    assert given.samples.tokenizer.vocabulary == ("G3", "X", "G1")
    assert given.samples.tokenizer.state()["technology_mean"] == {"Xenium": [2, 1, 3]}


def test_a_technology_that_is_only_validated_on_is_named_before_the_training(root: Path, tmp_path: Path) -> None:
    index = ShardIndex.read(root)
    about = {shard.section: {"technology": "Xenium"} for shard in index.shards}
    data = module(root, vocabulary="shards")
    alone = data.split.val.shards[0].section
    shards = data.samples._shards
    told = replace(index, sections={**about, alone: {"technology": "visium"}})
    data.samples.attach(replace(shards, index=told))
    with pytest.raises(ConfigError, match=rf"{alone}: validates on Visium, of which no section is trained on"):
        _ = data.samples.tokenizer
    np.save(tmp_path / "mean.npy", np.ones(len(GENES)))
    given = module(root, technology_mean=str(tmp_path / "mean.npy"))
    given.samples.attach(replace(shards, index=told))
    assert given.samples.tokenizer.technologies == ("Visium", "Xenium")


def test_settings_that_cannot_work_are_named(root: Path) -> None:
    with pytest.raises(ConfigError, match=r"data.on_error=ignore: use raise or skip"):
        module(root, on_error="ignore")
    for number in ("many", "0"):
        with pytest.raises(
            ConfigError, match=rf"data.samples.vocabulary=variable:{number}: give a number of genes, from 1 to 2"
        ):
            _ = module(root, vocabulary=f"variable:{number}").samples.tokenizer
    with pytest.raises(ConfigError, match=r"data\.batch_size=0: give a whole number of 1 or more"):
        module(root, batch_size=0)
