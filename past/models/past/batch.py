"""What PAST takes: a batch of cells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from past.base.types import Movable


@dataclass
class CellBatch(Movable):
    """B cells for PAST; K = 1 + neighbours, row 0 of K is the cell itself; L = context.

    Attributes:
        crops: (B, 3, H, W) uint8.
        tokens: (B, K, L) int64 gene tokens, most over-expressed first, padded with PADDING, no context tokens.
        values: (B, K, L) float32 log1p of counts scaled to 10,000 a cell; 0 at padding.
        valid: (B, K) bool, which of the K rows exist.
        context_tokens: (B, 3) int64 modality, assay, species.
        positions: (B, K, 2) float32 µm relative to the cell.
        keys: the samples' keys.
        meta: the samples' `<key>.json`.
        augment: what is still to be changed about the pixels, on the device (see `ready`); None: nothing.
    """

    crops: torch.Tensor
    tokens: torch.Tensor
    values: torch.Tensor
    valid: torch.Tensor
    context_tokens: torch.Tensor
    positions: torch.Tensor
    keys: list[str]
    meta: list[dict[str, object]]
    augment: Callable[[CellBatch], CellBatch] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    def split(self, cells: int) -> list[CellBatch]:
        """Return the batch cut into ones of `cells` cells, the last of what is left."""
        whole = {name: value for name, value in vars(self).items() if name != "augment"}
        starts = range(0, len(self), cells)
        return [
            replace(self, **{name: value[start : start + cells] for name, value in whole.items()}) for start in starts
        ]

    def ready(self, device: torch.device) -> CellBatch:
        """Return the batch on `device` and augmented there: what the towers read, each time the same."""
        there = self.to(device)
        return there if there.augment is None else replace(there.augment(there), augment=None)
