"""The survival model in training: a likelihood over the global batch, concordance as its validation."""

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler

from past.base.distributed import gather_rows
from past.base.errors import ConfigError, require_number
from past.evaluation.statistics.concordance import harrell
from past.models.survival.batch import BagBatch, BagStart
from past.models.survival.loss import cox, discrete_time
from past.models.survival.model import SurvivalModel
from past.models.survival.predict import risk_of_outputs
from past.training.module import TrainedModule
from past.training.optim import Rate, WarmupCosine
from past.training.steps import training_length


class SurvivalModule(TrainedModule):
    """Trains a SurvivalModel: by Cox's likelihood where it has one output, else by that of discrete time.

    Logged: `train/loss`, and `val/c`, Harrell's C over all validation patients, where there are any.

    Args:
        model: what is trained.
        optim: learning rate and schedule of AdamW.
        weight_decay: of all weights.
    """

    model: SurvivalModel
    monitor = "val/c"

    def __init__(self, model: SurvivalModel, optim: Rate | None = None, weight_decay: float = 0.01) -> None:
        super().__init__(model)
        require_number("module.weight_decay", weight_decay, least=0.0)
        self.optim, self.weight_decay = optim or Rate(), weight_decay
        self.has_parts_to_fit = model.gene_set_arm is not None
        self._seen: list[torch.Tensor] = []

    @torch.no_grad()
    def fit_parts(self, sample: BagStart) -> None:
        """Bring the gene sets to the training patients' scale."""
        if self.model.gene_set_arm is not None:
            self.model.gene_set_arm.norm.fit(sample.mean, sample.std)

    def training_step(self, batch: BagBatch, index: int) -> torch.Tensor:
        """Return the loss of all ranks' patients."""
        outputs = self.model(batch)
        if self.model.outputs > 1:
            loss = discrete_time(outputs, batch.interval, batch.event)
        elif len(batch) * self.trainer.world_size < 2:
            raise ConfigError(
                "data.batch_size=1: Cox's likelihood compares the patients of a batch: give more, or "
                "data.samples.intervals=4, whose likelihood takes one at a time"
            )
        else:
            loss = cox(outputs[:, 0], batch.time, batch.event)
        self.log("train/loss", loss, prog_bar=True, sync_dist=self.trainer.world_size > 1, batch_size=len(batch))
        return loss

    def validation_step(self, batch: BagBatch, index: int) -> None:
        """Keep risks and outcomes."""
        risk = risk_of_outputs(self.model(batch))
        self._seen.append(torch.stack([batch.time, batch.event.to(risk.dtype), risk], dim=1))

    def on_validation_epoch_end(self) -> None:
        """Log the concordance over the patients of all ranks; NaN-free: 0.5 where no pair can be compared."""
        time, event, risk = gather_rows(torch.cat(self._seen)).double().cpu().numpy().T
        self._seen = []
        c = harrell(time, event > 0, risk).value
        self.log("val/c", 0.5 if c != c else c, rank_zero_only=False)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW, stepped per update."""
        optimizer = torch.optim.AdamW(self.parameters(), lr=self.optim.lr, weight_decay=self.weight_decay)
        schedule = WarmupCosine(optimizer, self.optim, training_length(self.trainer, self.batches_per_epoch))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
