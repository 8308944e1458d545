"""PAST in training: what is logged, what learns, what a checkpoint carries."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from tiny_past import fit_tiny, planted_data, tiny_module, tiny_trainer

from past.base.errors import ConfigError
from past.data.stream.datamodule import DataModule
from past.models import load_model
from past.models.past.batch import CellBatch
from past.models.past.cell_encoder import CellEncoder
from past.models.past.loss import info_nce
from past.models.past.model import PASTModel
from past.models.past.module import SIGLIP_BIAS, Contrast, PASTModule
from past.models.past.samples.augmentation import Augmentation
from past.models.past.samples.batches import PLAIN
from past.nn.colour import ColourEncoder, ColourGrid
from past.training.checkpoint_io import read_checkpoint
from past.training.metrics_csv import MetricsCSV

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def data(tmp_path: Path) -> DataModule:
    return planted_data(tmp_path / "set")


def fitted(data: DataModule, kind: str = "info_nce") -> PASTModule:
    module = tiny_module(kind)
    module.fit_parts(data.samples.for_fitting())
    return module


def test_the_contrast_is_one_that_exists() -> None:
    with pytest.raises(ConfigError, match=r"module\.loss\.kind=clip: use one of soft_target, info_nce, siglip"):
        Contrast("clip")
    with pytest.raises(ConfigError, match=r"module\.loss\.cache_chunk=0: use at least 1"):
        Contrast(cache_chunk=0)


def test_fixed_parts_are_fitted_on_the_training_cells(data: DataModule) -> None:
    module = tiny_module(image_encoder=ColourEncoder())
    module.fit_parts(data.samples.for_fitting())
    cells = torch.cat(
        [module.model.cell_encoder.node_features(b.tokens[:, 0], b.values[:, 0]) for b in data.samples.for_fitting()]
    )
    images = torch.cat([module.model.image_encoder(batch.crops) for batch in data.samples.for_fitting()])
    torch.testing.assert_close(cells.mean(0), torch.zeros(8), atol=1e-4, rtol=0)
    torch.testing.assert_close(images.mean(0), torch.zeros(240), atol=0.05, rtol=0)
    assert module.has_parts_to_fit


def test_towers_that_learn_have_nothing_to_fit() -> None:
    cells = CellEncoder(54, context=9, width=8, layers=1, heads=2, feedforward=8)
    module = PASTModule(PASTModel(ColourGrid(), cells, dim=4))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    module.fit_parts([])
    assert not module.has_parts_to_fit
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_training_learns_a_planted_link_and_logs_it_beside_chance(data: DataModule, tmp_path: Path) -> None:
    module = fitted(data)
    trainer = tiny_trainer(tmp_path, max_epochs=15, logger=MetricsCSV(str(tmp_path)), log_every_n_steps=1)
    fit_tiny(trainer, module, data)
    metrics = pd.read_csv(tmp_path / "metrics.csv")
    loss, last = metrics["train/loss"].dropna(), metrics.dropna(subset="val/recall@5/mean").iloc[-1]
    assert loss.iloc[0] > math.log(20) - 1
    assert loss.iloc[-1] < loss.iloc[0] - 0.5
    assert metrics["train/ln_batch"].dropna().to_numpy() == pytest.approx(math.log(20))
    assert metrics["train/temperature"].between(0.01, 1).any()
    assert last["val/recall@5/chance"] == pytest.approx(5 / 20)
    assert last["val/recall@1/chance"] == pytest.approx(1 / 20)
    assert last["val/recall@5/mean"] > 0.5
    both = (last["val/recall@5/image_to_cell"] + last["val/recall@5/cell_to_image"]) / 2
    assert last["val/recall@5/mean"] == pytest.approx(both)


def test_validation_is_retrieval_within_sections_and_begins_anew_each_time(data: DataModule, tmp_path: Path) -> None:
    module = fitted(data)
    keys = {f"model.{name}" for name in module.model.state_dict()}
    assert set(module.state_dict()) == keys
    trainer = tiny_trainer(tmp_path)
    first, second = (trainer.validate(module, datamodule=data, verbose=False) for _ in range(2))
    assert first == second
    assert set(module.state_dict()) == keys  # what the metrics gather is in no checkpoint
    with torch.no_grad():
        out = module.eval().model(next(iter(data.val_dataloader())))
    similarity = out.images @ out.cells.T  # all twenty cells are of one section
    expected = {
        f"val/recall@{k}/{way}": float(((table > table.diagonal()[:, None]).sum(1) < k).float().mean())
        for k in (1, 5, 10)
        for way, table in (("image_to_cell", similarity), ("cell_to_image", similarity.T))
    }
    for k in (1, 5, 10):
        ways = [expected[f"val/recall@{k}/{way}"] for way in ("image_to_cell", "cell_to_image")]
        expected |= {f"val/recall@{k}/mean": sum(ways) / 2, f"val/recall@{k}/chance": k / 20}
    assert first[0] == pytest.approx(expected, abs=1e-6)


def test_the_logged_loss_is_the_models(data: DataModule, tmp_path: Path) -> None:
    module = fitted(data)
    data.setup("validate")
    (batch,) = data.val_dataloader()
    trainer = tiny_trainer(tmp_path, max_epochs=-1, max_steps=1)
    expected = info_nce(*module.model(batch)).item()
    trainer.fit(module, train_dataloaders=torch.utils.data.DataLoader([batch], batch_size=None))  # type: ignore[arg-type]
    assert trainer.callback_metrics["train/loss"].item() == pytest.approx(expected, abs=1e-5)


def test_a_batch_in_chunks_stays_where_it_is_and_is_augmented_as_the_whole(tmp_path: Path) -> None:
    losses, most = {}, {}
    for chunk, augmentation in ((None, Augmentation(stain=0.3)), (7, Augmentation(stain=0.3)), (7, PLAIN)):
        data = planted_data(tmp_path / "set", augmentation=augmentation)
        module = fitted(data)
        module.loss = replace(module.loss, cache_chunk=chunk)
        seen: list[int] = []
        module.model.register_forward_pre_hook(lambda _, cells, seen=seen: seen.append(len(cells[0])))
        trainer = tiny_trainer(tmp_path, max_epochs=2, limit_val_batches=0)
        fit_tiny(trainer, module, data)
        losses[chunk, augmentation == PLAIN], most[chunk] = trainer.callback_metrics["train/loss"], max(seen)
        batch = data.samples.for_fitting()[0]
        trainer.training = True
        assert data.transfer_batch_to_device(batch, torch.device("meta"), 0) is batch
        trainer.validating = True
        assert data.transfer_batch_to_device(batch, torch.device("meta"), 0).crops.is_meta
    torch.testing.assert_close(losses[7, False], losses[None, False])
    assert abs(losses[7, True] - losses[7, False]) > 1e-3
    assert most == {None: 20, 7: 7}


def ready(batch: CellBatch) -> Iterator[tuple[str, torch.Tensor]]:
    """Each cell's key and its crop as the towers see it, which is the same whenever it is asked for."""
    once, again = (batch.ready(torch.device("cpu")).crops for _ in range(2))
    assert torch.equal(once, again)
    return zip(batch.keys, once, strict=True)


def test_cells_change_from_epoch_to_epoch_and_are_the_same_each_time_in_one(tmp_path: Path) -> None:
    data = planted_data(tmp_path / "set", augmentation=Augmentation(stain=0.3))
    data.setup("fit")
    loader = data.train_dataloader()
    epochs = [{key: crop for batch in loader for key, crop in ready(batch)} for _ in range(2)]
    again = planted_data(tmp_path / "set", augmentation=Augmentation(stain=0.3))
    again.setup("fit")
    epochs.append({key: crop for batch in again.train_dataloader() for key, crop in ready(batch)})
    assert epochs[0].keys() == epochs[1].keys() == epochs[2].keys()
    assert all(torch.equal(crop, epochs[2][key]) for key, crop in epochs[0].items())
    assert not any(torch.equal(crop, epochs[1][key]) for key, crop in epochs[0].items())


def test_siglips_bias_learns_and_no_other_contrast_has_one(data: DataModule, tmp_path: Path) -> None:
    assert tiny_module("info_nce").bias is None
    assert tiny_module("soft_target").bias is None
    module = fitted(data, "siglip")
    trainer = tiny_trainer(tmp_path, max_epochs=1)
    fit_tiny(trainer, module, data)
    assert module.bias is not None
    assert module.bias.item() != SIGLIP_BIAS
    trainer.save_checkpoint(tmp_path / "siglip.ckpt", weights_only=False)
    saved = load_model(tmp_path / "siglip.ckpt")  # the bias is the training's, not the model's
    assert saved.model.config == module.model.config


def test_a_checkpoint_carries_what_rebuilds_the_model(data: DataModule, tmp_path: Path) -> None:
    module = fitted(data)
    module.keep_in_checkpoints(tokenizer=data.samples.tokenizer.state())
    module.keep_in_checkpoints(crops={"mpp": 0.5, "px": 16}, config={"seed": 1})
    trainer = tiny_trainer(tmp_path, max_epochs=1)
    fit_tiny(trainer, module, data)
    trainer.save_checkpoint(tmp_path / "a.ckpt", weights_only=False)
    carried = read_checkpoint(tmp_path / "a.ckpt")["past"]
    assert carried["config"] == {"seed": 1}
    saved = load_model(tmp_path / "a.ckpt")
    saved.require_vocabulary(data.index.genes)
    assert saved.crops == {"mpp": 0.5, "px": 16}
    (batch,) = data.val_dataloader()
    with torch.no_grad():
        expected, found = module.eval().model(batch), saved.model(batch)
    assert torch.equal(found.images, expected.images)
    assert torch.equal(found.cells, expected.cells)
