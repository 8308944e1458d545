"""Gradient caching (Gao et al. 2021): a batch of any size in the memory of a small one."""

from collections.abc import Callable

import torch
from timm.layers import DropBlock2d, DropPath, PatchDropout  # type: ignore[attr-defined]
from torch import nn
from torch.utils.checkpoint import checkpoint

from past.base.errors import ConfigError
from past.models.past.batch import CellBatch
from past.models.past.model import PASTModel, PASTOutput
from past.nn.blocks import refuse_batch_norm
from past.nn.dropout import dropout_by_row

TORCHS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
DROPS = (*TORCHS, DropPath, DropBlock2d, PatchDropout)  # not by the rows' seeds, as ours


def embed(
    model: PASTModel,
    batch: CellBatch,
    seeds: torch.Tensor,
    chunk: int | None = None,
    prepare: Callable[[CellBatch], CellBatch] = lambda cells: cells,
) -> PASTOutput:
    """Embed both sides of a batch of B cells; how it is cut into chunks changes no number.

    The towers run chunk by chunk and keep nothing, the loss sees the whole batch, and in backward the towers run again
    chunk by chunk, under the same autocast and with the same dropout. To autograd each parameter is used once in a
    batch, so gradients are averaged over ranks once, whatever wraps the model. The batch itself may wait on the host:
    `prepare` brings a chunk to the device each time the towers want it.

    Args:
        model: in training.
        batch: B cells.
        seeds: (B,) int64, from which each cell's dropout follows.
        chunk: cells at a time; None: all at once, and everything is kept.
        prepare: makes of cells what the towers read, the same each time.
    """

    def run(cells: CellBatch, seeds: torch.Tensor) -> PASTOutput:
        with dropout_by_row(seeds):
            return model(prepare(cells))

    if chunk is None:
        return run(batch, seeds)
    parts = [
        checkpoint(run, *part, use_reentrant=False) for part in zip(batch.split(chunk), seeds.split(chunk), strict=True)
    ]
    cells, images = (torch.cat([part[side] for part in parts]) for side in (0, 1))  # type: ignore[index]
    return PASTOutput(cells, images, parts[0].temperature)  # type: ignore[union-attr]


def require_rowwise(model: nn.Module, chunk: int) -> None:
    """Raise ConfigError where a layer of `model` mixes the cells of a batch, or does not drop by the cells' seeds."""
    refuse_batch_norm(
        model, f"module.loss.cache_chunk={chunk}", "it would over the chunk", "module.loss.cache_chunk=null"
    )
    for name, layer in model.named_modules():
        if isinstance(layer, DROPS) and any(getattr(layer, rate, 0) > 0 for rate in ("p", "drop_prob", "prob")):
            raise ConfigError(
                f"module.loss.cache_chunk={chunk}: {name} ({type(layer).__name__}) would drop other elements than in a "
                "batch that is not cut: set its rate to 0 in image_encoder.options (drop_rate, drop_path_rate, "
                "patch_drop_rate, …), or module.loss.cache_chunk=null"
            )
