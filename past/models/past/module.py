"""PAST in training: its parts, its contrast over the global batch, its validation by retrieval."""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import nn

from past.base.distributed import gather_rows, pass_around
from past.base.errors import ConfigError
from past.evaluation.statistics.recall import PairRecall
from past.models.past import loss as contrastive
from past.models.past.batch import CellBatch
from past.models.past.execution import Execution
from past.models.past.expression_encoder import ExpressionEncoder
from past.models.past.gradient_cache import embed, require_rowwise
from past.models.past.loss import own_rows, own_turn
from past.models.past.model import PASTModel, PASTOutput
from past.models.past.optim import Optim, adamw
from past.nn.colour import ColourEncoder
from past.nn.dropout import number_dropouts
from past.training.module import TrainedModule
from past.training.sharded import shard
from past.training.steps import training_length

SIGLIP_BIAS = -10.0  # at the start: nearly all pairs are negative (Zhai et al. 2023)
KINDS = ("soft_target", "info_nce", "siglip")


@dataclass(frozen=True)
class Contrast:
    """Which contrastive loss, and how much of the batch is in memory at a time.

    Attributes:
        kind: soft_target (published), info_nce (CLIP) or siglip.
        across_ranks: contrast over the global batch; False: each rank its own pairs only, as published.
        cache_chunk: cells that the towers take at a time, for batches that memory does not hold (see
            `past.models.past.gradient_cache`; costs one more forward pass); null: the whole batch.
    """

    kind: str = "soft_target"
    across_ranks: bool = True
    cache_chunk: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ConfigError(f"module.loss.kind={self.kind}: use one of {', '.join(KINDS)}")
        if self.cache_chunk is not None and self.cache_chunk < 1:
            raise ConfigError(
                f"module.loss.cache_chunk={self.cache_chunk}: use at least 1, or null for the whole batch"
            )

    def __call__(self, out: PASTOutput, bias: torch.Tensor | None = None) -> torch.Tensor:
        """Return this rank's share of the loss of its embedded pairs; `bias` is SigLIP's."""
        if self.kind == "siglip":
            assert bias is not None
            return contrastive.siglip(*out, bias[0], around=pass_around if self.across_ranks else own_turn)
        loss = contrastive.soft_target if self.kind == "soft_target" else contrastive.info_nce
        return loss(*out, gather=gather_rows if self.across_ranks else own_rows)


class PASTModule(TrainedModule):
    """Trains a PASTModel.

    Logged: `train/loss` beside `train/ln_batch` (the loss of chance), `train/temperature`, and on the validation
    sections `val/recall@k/…` both ways beside chance.

    Args:
        model: what is trained.
        loss: which contrast.
        optim: optimiser and schedule.
        execution: how the towers run.
    """

    model: PASTModel
    monitor = "val/recall@5/mean"

    def __init__(
        self,
        model: PASTModel,
        loss: Contrast | None = None,
        optim: Optim | None = None,
        execution: Execution | None = None,
    ) -> None:
        super().__init__(model)
        self.loss = loss or Contrast()
        self.optim = optim or Optim()
        # learned only where it is used: DDP refuses a parameter without a gradient
        self.bias = nn.Parameter(torch.tensor([SIGLIP_BIAS])) if self.loss.kind == "siglip" else None
        self._execution, self._arranged = execution or Execution(), False
        self.recall = PairRecall(ks=(1, 5, 10))
        towers = (model.image_encoder, model.cell_encoder)
        self.has_parts_to_fit = any(isinstance(tower, ColourEncoder | ExpressionEncoder) for tower in towers)

    def fit_parts(self, sample: Sequence[CellBatch]) -> None:
        """Fit what a tower has that is computed from the training cells and not learned; before the first update."""
        if isinstance(self.model.image_encoder, ColourEncoder):
            self.model.image_encoder.fit(batch.crops for batch in sample)
        if isinstance(self.model.cell_encoder, ExpressionEncoder):
            self.model.cell_encoder.fit((batch.tokens[:, 0], batch.values[:, 0]) for batch in sample)

    def configure_model(self) -> None:
        """Arrange how the parts run, once, now that all are in their places."""
        if self._arranged:
            return
        self._arranged = True
        number_dropouts(self.model)
        if self.loss.cache_chunk is not None:
            require_rowwise(self.model, self.loss.cache_chunk)
        self._execution.apply(self.model)
        if self.device_mesh is not None:
            shard(self, self.device_mesh["data_parallel"])

    def training_step(self, batch: CellBatch, index: int) -> torch.Tensor:
        """Return this rank's share of the loss over the global batch (its mean over ranks is the loss)."""
        seeds = torch.empty(len(batch), dtype=torch.int64, device=self.device).random_(-(2**63), None)
        out = embed(self.model, batch, seeds, self.loss.cache_chunk, lambda cells: cells.ready(self.device))
        loss = self.loss(out, self.bias)
        whole = len(batch) * self.trainer.world_size
        self.log("train/loss", loss, prog_bar=True, sync_dist=self.trainer.world_size > 1, batch_size=whole)
        if self.bias is None:  # SigLIP's chance is another
            contrasted = whole if self.loss.across_ranks else len(batch)
            self.log("train/ln_batch", math.log(contrasted), prog_bar=True, batch_size=whole, rank_zero_only=True)
        self.log("train/temperature", out.temperature, batch_size=whole, rank_zero_only=True)
        return loss

    def validation_step(self, batch: CellBatch, index: int) -> None:
        """Keep both embeddings and the section of every cell."""
        out = self.model(batch)
        sections = [zlib.crc32(str(entry["section"]).encode()) for entry in batch.meta]
        self.recall.update(out.images.float(), out.cells.float(), torch.tensor(sections, device=self.device))

    def on_validation_epoch_end(self) -> None:
        """Score retrieval within each section over the cells of all ranks."""
        recalls = {name: value for name, value in self.recall.compute().items() if name.startswith("recall")}
        self.recall.reset()
        self.log_dict({f"val/{name}": value for name, value in recalls.items()}, rank_zero_only=False)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """AdamW over parameter groups, stepped per update."""
        optimizer, schedule = adamw(self, self.optim, training_length(self.trainer, self.batches_per_epoch))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
