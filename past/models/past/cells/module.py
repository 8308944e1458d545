"""A head of expression in training, with its tower frozen or fine-tuned at a rate of its own."""

from collections.abc import Sequence

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn

from past.base.errors import ConfigError
from past.evaluation.statistics.pearson import GenePearson
from past.models.past.cells.head import KINDS, Kind, masked_mse, masked_negative_binomial
from past.models.past.cells.samples import ExpressionBatch
from past.models.past.cells.tower_head import ImageToExpression
from past.models.past.optim import Optim, adamw
from past.nn.colour import ColourEncoder
from past.training.module import TrainedModule
from past.training.steps import training_length


class ExpressionModule(TrainedModule):
    """Trains an ImageToExpression on each section's own panel.

    Logged: `train/loss`, and `val/r`, Pearson r over a batch of validation cells, mean over genes and batches.

    Args:
        model: what is trained.
        loss: "mse" of log1p expression, or "negative_binomial" of counts.
        target: sum that a cell's counts are scaled to before log1p.
        optim: optimiser and schedule; `image_encoder_factor` is the tower's rate.
    """

    model: ImageToExpression
    monitor = "val/r"
    has_parts_to_fit = True

    def __init__(
        self, model: ImageToExpression, loss: Kind = "mse", target: float = 100.0, optim: Optim | None = None
    ) -> None:
        super().__init__(model)
        if loss not in KINDS:
            raise ConfigError(f"module.loss={loss}: use {' or '.join(KINDS)}")
        self.loss, self.target, self.optim = loss, target, optim or Optim()
        self.pearson = GenePearson((10**9,))
        if model.frozen:
            assert isinstance(model.image_encoder, nn.Module)
            model.image_encoder.requires_grad_(False)
        model.head.log_dispersion.requires_grad_(loss == "negative_binomial")  # DDP refuses one without a gradient

    def expression(self, batch: ExpressionBatch) -> torch.Tensor:
        """Return (B, genes) log1p of scaled counts."""
        return torch.log1p(batch.counts * (self.target / batch.totals.clamp(min=1)))

    @torch.no_grad()
    def fit_parts(self, sample: Sequence[ExpressionBatch]) -> None:
        """Fit what the tower has that is not learned, and begin the head at ridge regression on a sample of cells."""
        encoder = self.model.image_encoder
        if isinstance(encoder, ColourEncoder):
            encoder.fit(batch.crops for batch in sample)
        features = torch.cat([self.model.features(batch.crops).float() for batch in sample])
        expression = torch.cat([self.expression(batch) for batch in sample])
        self.model.head.fit(features, expression, torch.cat([batch.measured for batch in sample]))

    def training_step(self, batch: ExpressionBatch, index: int) -> torch.Tensor:
        """Return the loss over what is measured."""
        predicted = self.model(batch.crops)
        if self.loss == "mse":
            loss = masked_mse(predicted, self.expression(batch), batch.measured)
        else:
            share, dispersion = batch.totals / self.target, self.model.head.log_dispersion
            loss = masked_negative_binomial(predicted, batch.counts, share, batch.measured, dispersion)
        self.log("train/loss", loss, prog_bar=True, sync_dist=self.trainer.world_size > 1, batch_size=len(batch))
        return loss

    def validation_step(self, batch: ExpressionBatch, index: int) -> None:
        """Score a batch."""
        self.pearson.update(self.model(batch.crops), self.expression(batch))

    def on_validation_epoch_end(self) -> None:
        """Log the score over the batches of all ranks."""
        (value,) = self.pearson.compute().values()
        self.pearson.reset()
        self.log("val/r", value, prog_bar=True, rank_zero_only=False)

    def on_train_epoch_start(self) -> None:
        """Keep a frozen tower as it is in use: without dropout, its statistics fixed."""
        if self.model.frozen:
            assert isinstance(self.model.image_encoder, nn.Module)
            self.model.image_encoder.eval()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW over parameter groups, stepped per update."""
        optimizer, schedule = adamw(self, self.optim, training_length(self.trainer, self.batches_per_epoch))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
