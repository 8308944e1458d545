from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from past.training.best import KeepBest, StopEarly, best_score, with_metric

pytestmark = pytest.mark.filterwarnings("ignore")


class Scored(pl.LightningModule):
    """Logs the given scores, one a validation."""

    monitor = "val/score"

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.line, self.scores, self.said = nn.Linear(1, 1), scores, 0

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        return self.line(batch).sum()

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        self.log("val/score", self.scores[self.said])
        self.log("val/other", -self.scores[self.said])
        self.said += 1

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)


def fit(root: Path, scores: list[float], *callbacks: pl.Callback, validate: int = 1) -> pl.Trainer:
    trainer = pl.Trainer(
        accelerator="cpu", max_epochs=len(scores), logger=False, default_root_dir=root, callbacks=[*callbacks],
        enable_progress_bar=False, enable_model_summary=False, num_sanity_val_steps=0, limit_val_batches=validate,
    )  # fmt: skip
    trainer.fit(Scored(scores), DataLoader(torch.ones(1, 1)), DataLoader(torch.ones(1, 1)))
    return trainer


@pytest.mark.parametrize(("monitor", "step", "score"), [(None, 2, 0.7), ("val/other", 1, -0.1)])
def test_the_highest_of_the_models_own_metric_is_kept(
    tmp_path: Path, monitor: str | None, step: int, score: float
) -> None:
    trainer = fit(tmp_path, [0.1, 0.7, 0.3], KeepBest(str(tmp_path), monitor))
    assert [file.name for file in tmp_path.iterdir()] == ["best.ckpt"]
    assert torch.load(tmp_path / "best.ckpt", weights_only=True)["global_step"] == step
    assert best_score(trainer) == pytest.approx(score)


@pytest.mark.parametrize("place", ["{own}/../mine.txt", "file://{own}/../mine.txt", "{own}/kept.txt"])
def test_a_checkpoint_names_no_file_that_is_removed(tmp_path: Path, place: str) -> None:
    own = tmp_path / "own"
    own.mkdir()
    kept = [tmp_path / "mine.txt", own / "kept.txt"]
    for file in kept:
        file.write_text("the user's own")
    first = fit(tmp_path, [0.5], KeepBest(str(own)))
    assert first.checkpoint_callback is not None
    state = first.checkpoint_callback.state_dict()
    path = place.format(own=own)
    state |= {"kth_best_model_path": path, "best_k_models": {path: torch.tensor(0.5)}, "last_model_path": path}
    again = KeepBest(str(own))
    again.load_state_dict(state)
    fit(tmp_path, [0.2, 0.9], again)
    assert all(file.exists() for file in kept)
    assert torch.load(own / "best.ckpt", weights_only=True)["global_step"] == 2


def test_the_best_value_of_before_counts(tmp_path: Path) -> None:
    first = KeepBest(str(tmp_path))
    fit(tmp_path, [0.5], first)
    again = KeepBest(str(tmp_path))
    again.load_state_dict(first.state_dict())
    fit(tmp_path, [0.4, 0.3], again)
    assert torch.load(tmp_path / "best.ckpt", weights_only=True)["global_step"] == 1
    assert float(again.best_model_score or 0) == pytest.approx(0.5)


def test_it_ends_after_so_many_validations_without_a_rise(tmp_path: Path) -> None:
    trainer = fit(tmp_path, [0.1, 0.7, 0.3, 0.6, 0.8], KeepBest(str(tmp_path)), StopEarly(patience=2))
    assert trainer.current_epoch == 4


def test_without_a_validation_there_is_no_best(tmp_path: Path) -> None:
    assert best_score(fit(tmp_path, [0.1], KeepBest(str(tmp_path)), validate=0)) is None


def test_the_settings_say_which_metric_chose() -> None:
    nodes = {
        "best": {"directory": "d", "monitor": None},
        "stop": {"monitor": "val/b"},
        "last": {"every": 5},
        "bar": None,
    }
    assert with_metric(nodes, "val/a") == {
        "best": {"directory": "d", "monitor": "val/a"}, "stop": {"monitor": "val/b"}, "last": {"every": 5}, "bar": None
    }  # fmt: skip
