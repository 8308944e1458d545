"""STPath in training: masked expression as its objective, the variable genes of held-out slides as its validation."""

from itertools import cycle

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler

from past.evaluation.statistics.pearson import GenePearson
from past.models.stpath.batch import SlideBatch, SlideStart
from past.models.stpath.loss import masked_expression
from past.models.stpath.model import STPath
from past.nn.kernels.row_adam import RowAdam
from past.training.module import TrainedModule
from past.training.optim import Rate, WarmupCosine
from past.training.private import clippable
from past.training.steps import training_length

TOPS = (50, 100, 200)  # most variable genes over which validation averages


class STPathModule(TrainedModule):
    """Trains an STPath.

    Logged: `train/loss` (mean squared error of log1p expression at masked spots) and, on the validation slides,
    `val/pearson@k`, the mean over the k most variable genes of the training slides of Pearson r over a slide's spots,
    then over slides: with nothing told, and `…/context` with the told spots of `data.samples.context`.

    Args:
        model: what is trained.
        optim: learning rate and schedule of Adam.
        by_rows: take Adam's steps in the rows of the gene tables when these are read (`RowAdam`): the same steps in
            less time where a step reads a few of them; False, or on several ranks, whose gradients DDP adds up dense:
            all rows in every step.
    """

    model: STPath
    monitor = "val/pearson@50"
    has_parts_to_fit = True

    def __init__(self, model: STPath, optim: Rate | None = None, by_rows: bool = True) -> None:
        super().__init__(model)
        self.optim, self.by_rows = optim or Rate(), by_rows
        # of predicting a validation slide with nothing told, and with some of its spots
        self.untold, self.in_context = GenePearson(TOPS), GenePearson(TOPS)

    @torch.no_grad()
    def fit_parts(self, sample: SlideStart) -> None:
        """Begin at the training slides' mean expression, and bring features to their scale."""
        self.model.head.bias.copy_(sample.expression)
        if self.model.features_norm is not None:
            self.model.features_norm.fit(sample.feature_mean, sample.feature_std)

    def training_step(self, batch: SlideBatch, index: int) -> torch.Tensor:
        """Return the loss of this rank's slides."""
        loss = masked_expression(self.model(batch), self.model.head, batch.scored)
        self.log(
            "train/loss", loss, prog_bar=True, sync_dist=self.trainer.world_size > 1, batch_size=len(batch.lengths)
        )
        return loss

    def validation_step(self, batch: SlideBatch, index: int) -> None:
        """Score each slide in each way; the batch holds a slide's ways one after the other."""
        hidden = self.model(batch)
        for slide, metric in zip(batch.scored, cycle((self.untold, self.in_context)), strict=False):
            metric.update(self.model.head(hidden[slide.spots], slide.genes), slide.values)

    def on_validation_epoch_end(self) -> None:
        """Average over the slides of all ranks; one on which none of the genes varies has no say."""
        for way, metric in (("", self.untold), ("/context", self.in_context)):
            scores = {f"val/{name}{way}": value for name, value in metric.compute().items()}
            metric.reset()
            self.log_dict(scores, prog_bar=False, rank_zero_only=False)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Adam without weight decay, stepped per update."""
        rate = self.optim
        if self.by_rows and self.trainer.world_size == 1:
            optimizer: torch.optim.Optimizer = RowAdam(self.parameters(), self.model.tables(), lr=rate.lr)
        else:
            optimizer = torch.optim.Adam(self.parameters(), lr=rate.lr, fused=True)
        schedule = WarmupCosine(clippable(optimizer), rate, training_length(self.trainer, self.batches_per_epoch))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
