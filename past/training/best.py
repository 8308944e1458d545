"""What "best" means: the metric that the model in training names, highest first."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import lightning.pytorch as pl
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from past.base.errors import require_number


class KeepBest(ModelCheckpoint):
    """Writes `<directory>/best.ckpt` when the monitored metric has risen.

    Args:
        directory: the run's checkpoints.
        monitor: a metric that the model logs; None: the model's own, `model.monitor`.
    """

    def __init__(self, directory: str, monitor: str | None = None) -> None:
        super().__init__(
            dirpath=directory,
            filename="best",
            monitor=monitor,
            mode="max",
            save_top_k=1,
            enable_version_counter=False,
        )

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Take the model's own metric where none is given, before Lightning restores what was best."""
        self.monitor = self.monitor or _metric(pl_module)
        super().setup(trainer, pl_module, stage)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Nothing is the best where nothing is validated."""
        if sum(trainer.num_val_batches):
            super().on_train_epoch_end(trainer, pl_module)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the best value; of the files that a checkpoint names, which Lightning may remove, only our own."""
        score = state_dict["best_model_score"] if state_dict.get("dirpath") == self.dirpath else None
        own = "" if score is None else str(Path(str(self.dirpath)) / "best.ckpt")
        scores = {own: score} if own else {}
        paths = {"best_model_path": own, "kth_best_model_path": own, "last_model_path": "", "best_k_models": scores}
        super().load_state_dict({**state_dict, **paths})


class StopEarly(EarlyStopping):
    """Ends a training whose monitored metric has not risen for some validations.

    Args:
        patience: validations.
        monitor: a metric that the model logs; None: the model's own, `model.monitor`.
    """

    def __init__(self, patience: int, monitor: str | None = None) -> None:
        require_number("callbacks.stop.patience", patience, least=1)
        super().__init__(monitor or "", patience=patience, mode="max")

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: Literal["fit"] | Any) -> None:
        """Take the model's own metric where none is given."""
        self.monitor = self.monitor or _metric(pl_module)
        super().setup(trainer, pl_module, stage)


def with_metric(callbacks: Mapping[str, Any], metric: str) -> dict[str, Any]:
    """Return the settings of callbacks with the model's own metric where they leave it open (`monitor: null`).

    So the settings that a run keeps say what chose its best checkpoint; `past report` compares runs by it.
    """
    return {
        name: {**node, "monitor": node["monitor"] or metric} if node and "monitor" in node else node
        for name, node in callbacks.items()
    }


def _metric(module: pl.LightningModule) -> str:
    return str(module.monitor)


def best_score(trainer: pl.Trainer) -> float | None:
    """Return the best value of the metric that was monitored; None: nothing was validated."""
    best = trainer.checkpoint_callback
    score = best.best_model_score if isinstance(best, KeepBest) else None
    return None if score is None else float(score)
