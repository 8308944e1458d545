"""A PAST that trains in seconds: colour and expression components, no niche, no dropout."""

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from data_modules import cell_data
from planted import GENES, Slice, write_planted

from past.data.stream.datamodule import DataModule
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.model import ImageTower, PASTModel
from past.models.past.module import Contrast, PASTModule
from past.models.past.optim import Optim
from past.models.past.vocabulary import RESERVED
from past.nn.colour import ColourGrid
from past.training.checkpoint_io import AtomicCheckpointIO
from past.training.module import TrainedModule


def planted_data(root: Path, **options: Any) -> DataModule:
    """Two patients to train on, a third to validate; the shards are written where there are none."""
    if not root.exists():
        write_planted(root, [Slice("S0", "A"), Slice("S1", "B"), Slice("S2", "C", cells=20)])
    settings = {"batch_size": 20, "val": ["C"], "num_workers": 0, "context": 24, "neighbours": 0}
    return cell_data(str(root), **{**settings, **options})


def tiny_module(kind: str = "info_nce", image_encoder: ImageTower | None = None) -> PASTModule:
    """The same weights each time; the image tower is a grid of mean colours unless another is given."""
    torch.manual_seed(0)
    towers = (image_encoder or ColourGrid(2), ExpressionEncoder(RESERVED + len(GENES), width=8))
    model = PASTModel(*towers, dim=16, temperature=0.2, dropout=0.0)
    return PASTModule(model, Contrast(kind), Optim(lr=1e-2))


def planted_model(data: DataModule) -> PASTModel:
    """A PAST whose expression components are fitted to the training cells; in evaluation mode."""
    module = tiny_module()
    module.fit_parts(data.samples.for_fitting())
    return module.model.eval()


def tiny_trainer(root: Path, **options: Any) -> pl.Trainer:
    """On the CPU, silent, with our checkpoints."""
    settings: dict[str, Any] = {"logger": False, "max_epochs": 2, "enable_checkpointing": False}
    return pl.Trainer(
        accelerator="cpu", devices=1, plugins=[AtomicCheckpointIO()], default_root_dir=root,
        num_sanity_val_steps=0, enable_progress_bar=False, enable_model_summary=False, **settings | options,
    )  # fmt: skip


def fit_tiny(trainer: pl.Trainer, module: TrainedModule, data: DataModule, resume: Path | None = None) -> None:
    """Train, as `past/train.py` does: the module knows how long an epoch of the data is."""
    module.batches_per_epoch = lambda: data.batches_per_epoch
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
