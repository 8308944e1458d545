"""PAST in training: its parts, its contrast over the global batch, its validation by retrieval."""

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import lightning.pytorch as pl
import torch
from torch import nn

from past.distributed import gather_rows
from past.errors import ConfigError
from past.losses import contrastive
from past.models.niche_encoder import NicheEncoder
from past.models.past import CellTower, ImageTower, PASTModel
from past.ranking import recalls
from past.training.optim import Optim, adamw
from past.training.steps import total_updates
from past.types import CellBatch

LOSSES: dict[str, Callable[..., torch.Tensor]] = {
    "soft_target": contrastive.soft_target,
    "info_nce": contrastive.info_nce,
    "siglip": contrastive.siglip,
}


@dataclass(frozen=True)
class Contrast:
    """Which contrastive loss, and the temperature that it starts at.

    Attributes:
        kind: soft_target (published), info_nce (CLIP) or siglip.
        temperature: start of the learned temperature.
    """

    kind: str = "soft_target"
    temperature: float = 0.07

    def __post_init__(self) -> None:
        if self.kind not in LOSSES:
            raise ConfigError(f"model.loss.kind={self.kind}: use one of {', '.join(LOSSES)}")


class PASTModule(pl.LightningModule):
    """Trains a PASTModel made of these parts.

    Logged: `train/loss` beside `train/ln_batch` (the loss of chance), `train/temperature`, and on the validation
    sections `val/recall@k/…` both ways beside chance.

    Args:
        image_encoder: the image tower.
        cell_encoder: the transcriptome tower.
        niche_encoder: reads a cell's neighbourhood; None: the cell alone.
        fusion: joins cell and niche; None where there is no niche.
        dim: width of the shared sphere.
        dropout: of the projection heads.
        niche_features: what the niche reads of each neighbour (see PASTModel).
        loss: which contrast.
        optim: optimiser and schedule.
    """

    def __init__(
        self,
        image_encoder: ImageTower,
        cell_encoder: CellTower,
        niche_encoder: NicheEncoder | None = None,
        fusion: nn.Module | None = None,
        dim: int = 256,
        dropout: float = 0.1,
        niche_features: Literal["mean_embedding", "token_ids"] = "mean_embedding",
        loss: Contrast | None = None,
        optim: Optim | None = None,
    ) -> None:
        super().__init__()
        self.loss = loss or Contrast()
        self.optim = optim or Optim()
        self.model = PASTModel(
            image_encoder=image_encoder,
            cell_encoder=cell_encoder,
            niche_encoder=niche_encoder,
            fusion=fusion,
            dim=dim,
            temperature=self.loss.temperature,
            dropout=dropout,
            niche_features=niche_features,
        )
        self._carried: dict[str, Any] = {}
        self._seen: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []

    def carry(self, **values: Mapping[str, Any]) -> None:
        """Put plain values into every checkpoint beside the weights (configuration, tokenizer)."""
        self._carried |= values

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add what rebuilds the model without this program's configuration."""
        checkpoint["past"] = {"model": self.model.config, **self._carried}

    def training_step(self, batch: CellBatch, index: int) -> torch.Tensor:
        """Return this rank's share of the loss over the global batch (its mean over ranks is the loss)."""
        out = self.model(batch)
        loss = LOSSES[self.loss.kind](out.cells, out.images, out.temperature, gather=gather_rows)
        whole = len(batch) * self.trainer.world_size
        self.log("train/loss", loss, prog_bar=True, sync_dist=self.trainer.world_size > 1, batch_size=whole)
        self.log("train/ln_batch", math.log(whole), prog_bar=True, batch_size=whole, rank_zero_only=True)
        self.log("train/temperature", out.temperature, batch_size=whole, rank_zero_only=True)
        return loss

    def validation_step(self, batch: CellBatch, index: int) -> None:
        """Keep both embeddings and the section of every cell."""
        out = self.model(batch)
        sections = [zlib.crc32(str(entry["section"]).encode()) for entry in batch.meta]
        self._seen.append((out.images.float(), out.cells.float(), torch.tensor(sections, device=self.device)))

    def on_validation_epoch_end(self) -> None:
        """Score retrieval within each section over the cells of all ranks."""
        images, cells, sections = (gather_rows(torch.cat(parts)).cpu() for parts in zip(*self._seen, strict=True))
        self._seen.clear()
        scores = recalls(images, cells, sections, ks=(1, 5, 10))
        self.log_dict({f"val/{name}": value for name, value in scores.items()}, rank_zero_only=False)

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW over parameter groups, stepped per update."""
        optimizer, schedule = adamw(self.model, self.optim, total_updates(self.trainer))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
