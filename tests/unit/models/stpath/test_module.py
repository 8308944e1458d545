"""STPath in training: it learns what is planted, its metrics are Pearson's, its checkpoints can be used."""

from pathlib import Path

import numpy as np
import pytest
import torch
from data_modules import slide_data
from slide_shards import GENES, WIDTH, write_slides
from tiny_past import fit_tiny, tiny_trainer

from past.data.stream.datamodule import DataModule
from past.models.stpath.model import STPath
from past.models.stpath.module import STPathModule
from past.models.stpath.samples.masking import Masking
from past.nn.kernels.row_adam import RowAdam
from past.training.best import KeepBest, StopEarly
from past.training.optim import Rate

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_slides(tmp_path_factory.mktemp("slides") / "set")


def tiny_data(root: Path) -> DataModule:
    masking = Masking(patch=(40, 64), ratio="uniform", variable_genes=12)
    return slide_data(str(root), batch_size=3, rounds=8, val=["C"], num_workers=0, masking=masking, context=0.2)


def tiny_module(by_rows: bool = True, standardise: bool = True) -> STPathModule:
    torch.manual_seed(0)
    sizes = {"tokens": 2 + len(GENES), "features": WIDTH, "dim": 16, "depth": 1, "heads": 2}
    return STPathModule(
        STPath(**sizes, standardise=standardise), by_rows=by_rows, optim=Rate(lr=1e-2, min_lr=0.0, warmup=0.0)
    )


def test_it_starts_at_the_training_slides_means(root: Path) -> None:
    data, module = tiny_data(root), tiny_module()
    start = data.samples.for_fitting()
    module.fit_parts(start)
    assert torch.equal(module.model.head.bias, start.expression)
    norm = module.model.features_norm
    assert norm is not None
    features = np.concatenate([slide.features for slide in data_slides(data)]).astype(np.float32)
    found = norm(torch.from_numpy(features))
    torch.testing.assert_close(found.mean(dim=0), torch.zeros(WIDTH), atol=1e-4, rtol=0)
    torch.testing.assert_close(found.std(dim=0, correction=0), torch.ones(WIDTH), atol=1e-3, rtol=0)
    plain = tiny_module(standardise=False)
    plain.fit_parts(start)
    assert "features_norm.centre" not in plain.model.state_dict()


def data_slides(data: DataModule) -> list:
    from past.data.shards.slides import SlideSet

    return list(SlideSet(data.split.train))


def test_it_learns_what_the_features_tell(root: Path, tmp_path: Path) -> None:
    data, module = tiny_data(root), tiny_module()
    module.fit_parts(data.samples.for_fitting())
    trainer = tiny_trainer(tmp_path, max_epochs=10)
    trainer.validate(module, datamodule=data, verbose=False)
    before = {name: float(value) for name, value in trainer.logged_metrics.items()}
    fit_tiny(trainer, module, data)
    after = {name: float(value) for name, value in trainer.logged_metrics.items()}
    assert set(before) == {f"val/pearson@{top}{way}" for top in (50, 100, 200) for way in ("", "/context")}
    assert after["val/pearson@50"] > before["val/pearson@50"] + 0.1  # four of twelve genes can be told
    assert isinstance(trainer.optimizers[0], RowAdam)


def test_validation_is_the_mean_over_slides_in_each_way(root: Path, tmp_path: Path) -> None:
    data, module = tiny_data(root), tiny_module()
    module.fit_parts(data.samples.for_fitting())
    trainer = tiny_trainer(tmp_path)
    trainer.validate(module, datamodule=data, verbose=False)
    found: dict[str, list[float]] = {}
    module.eval()
    for batch in data.val_dataloader():
        with torch.no_grad():
            hidden = module.model(batch)
            for i, slide in enumerate(batch.scored):
                predicted = module.model.head(hidden[slide.spots], slide.genes).double().numpy()
                truth = slide.values.double().numpy()
                r = [np.corrcoef(predicted[:, gene], truth[:, gene])[0, 1] for gene in range(truth.shape[1])]
                found.setdefault(("val/pearson@50", "val/pearson@50/context")[i % 2], []).append(float(np.mean(r)))
    assert len(found) == 2
    for name, values in found.items():
        assert float(trainer.logged_metrics[name]) == pytest.approx(np.mean(values), abs=1e-6)


def test_metrics_begin_anew_each_epoch_and_are_not_in_checkpoints(root: Path, tmp_path: Path) -> None:
    data, module = tiny_data(root), tiny_module()
    keys = {f"model.{name}" for name in module.model.state_dict()}
    assert set(module.state_dict()) == keys
    trainer = tiny_trainer(tmp_path)
    first, second = (trainer.validate(module, datamodule=data, verbose=False) for _ in range(2))
    assert first == second
    assert not module.untold.slides.any()  # the mean over the same slides twice would be the same
    assert not module.in_context.slides.any()
    assert set(module.state_dict()) == keys


def test_steps_by_rows_are_adams(root: Path, tmp_path: Path) -> None:
    found = []
    for by_rows in (True, False):
        data, module = tiny_data(root), tiny_module(by_rows)
        module.fit_parts(data.samples.for_fitting())
        fit_tiny(tiny_trainer(tmp_path, max_steps=6, limit_val_batches=0), module, data)
        found.append(module.state_dict())
    for name in ("model.expression.table.weight", "model.head.table.weight", "model.image.weight"):
        torch.testing.assert_close(found[0][name], found[1][name], rtol=1e-4, atol=1e-5)


def test_the_best_is_by_the_models_own_metric_and_ends_early(root: Path, tmp_path: Path) -> None:
    data, module = tiny_data(root), tiny_module()
    module.optim = Rate(lr=1e-30, min_lr=0.0, warmup=0.0)  # nothing is learned, so nothing gets better
    best, stop = KeepBest(str(tmp_path)), StopEarly(patience=2)
    trainer = tiny_trainer(tmp_path, max_epochs=9, enable_checkpointing=True, callbacks=[best, stop])
    fit_tiny(trainer, module, data)
    assert best.monitor == stop.monitor == "val/pearson@50"
    assert (tmp_path / "best.ckpt").is_file()
    assert trainer.current_epoch == 3
    assert KeepBest(str(tmp_path), monitor="val/pearson@200").monitor == "val/pearson@200"
