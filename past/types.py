"""What travels down the road: one cell at the sources, one sample out of a shard, one batch into a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

if TYPE_CHECKING:
    import torch  # takes seconds to import, and writing and verifying shards need none of it


class Movable:
    """A dataclass of tensors, and of others like it, that goes to a device as one."""

    def map(self, change: Callable[[torch.Tensor], Any]) -> Self:
        """Return the same with `change` made to each tensor."""
        return replace(self, **{name: _mapped(value, change) for name, value in vars(self).items()})  # type: ignore[type-var]

    def to(self, device: torch.device | str, non_blocking: bool = True) -> Self:
        """Return the same with its tensors on `device`."""
        return self.map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """Return the same with its tensors in pinned memory (called by the loader)."""
        return self.map(lambda tensor: tensor.pin_memory())


def _mapped(value: Any, change: Callable[[torch.Tensor], Any]) -> Any:
    if isinstance(value, Movable):
        return value.map(change)
    if isinstance(value, tuple):
        return tuple(_mapped(one, change) for one in value)
    return change(value) if hasattr(value, "pin_memory") else value


@dataclass(frozen=True)
class Section:
    """What is known of a section as a whole; it travels in every sample's `<key>.json`."""

    section: str
    patient: str
    organ: str
    technology: str
    species: str


@dataclass(frozen=True)
class CellRecord:
    """One cell or spot with its image and neighbourhood; row 0 is the cell itself, then its neighbours, nearest first.

    Attributes:
        name: the cell's own name in its source (a barcode).
        crop: (H, W, 3) uint8 RGB.
        mpp: µm/px of the crop.
        genes: (n,) positions in the shard set's gene list, row after row, ascending within a row.
        counts: (n,) raw counts, whole numbers.
        offsets: (1 + k + 1,) row i is genes[offsets[i]:offsets[i + 1]].
        positions: (1 + k, 2) x, y in µm within the section.
        cell_type: the known type, or None.
    """

    name: str
    crop: np.ndarray
    mpp: float
    genes: np.ndarray
    counts: np.ndarray
    offsets: np.ndarray
    positions: np.ndarray
    cell_type: str | None = None


@dataclass(frozen=True)
class RawCell:
    """A sample as it lies in a shard: the image still encoded, arrays as in CellRecord, meta from `<key>.json`."""

    key: str
    shard: str
    image: bytes
    genes: np.ndarray
    counts: np.ndarray
    offsets: np.ndarray
    positions: np.ndarray
    meta: dict[str, object]


@dataclass(frozen=True)
class SlideRecord:
    """One section for STPath: image features, places and raw counts of its S spots; a sample of a slide shard.

    Attributes:
        key: the sample's key in its shard.
        shard: the shard's name.
        features: (S, F) float16 image features.
        coords: (S, 2) float32 x, y in pixels of `meta["mpp"]` µm.
        genes: (n,) positions in the shard set's gene list, spot after spot, ascending within a spot.
        counts: (n,) raw counts, whole numbers above 0.
        offsets: (S + 1,) spot i is genes[offsets[i]:offsets[i + 1]].
        meta: section, patient, organ, technology, species, mpp, encoder, and the spots' names under `spots`.
    """

    key: str
    shard: str
    features: np.ndarray
    coords: np.ndarray
    genes: np.ndarray
    counts: np.ndarray
    offsets: np.ndarray
    meta: dict[str, object]

    def __len__(self) -> int:
        return len(self.coords)


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
    """

    crops: torch.Tensor
    tokens: torch.Tensor
    values: torch.Tensor
    valid: torch.Tensor
    context_tokens: torch.Tensor
    positions: torch.Tensor
    keys: list[str]
    meta: list[dict[str, object]]

    def __len__(self) -> int:
        return len(self.keys)

    def split(self, cells: int) -> list[CellBatch]:
        """Return the batch cut into ones of `cells` cells, the last of what is left."""
        starts = range(0, len(self), cells)
        return [CellBatch(**{name: v[start : start + cells] for name, v in vars(self).items()}) for start in starts]


@dataclass(frozen=True)
class SparseExpression(Movable):
    """log1p expression of S spots, row after row; a masked spot is one entry: the mask's token with value 1.

    Attributes:
        genes: (n,) int64 gene tokens, none twice in a row.
        values: (n,) float32.
        offsets: (S + 1,) int64, row i is genes[offsets[i]:offsets[i + 1]].
    """

    genes: torch.Tensor
    values: torch.Tensor
    offsets: torch.Tensor

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True)
class ScoredSlide(Movable):
    """What one slide of a batch is scored on.

    Attributes:
        spots: (m,) int64 rows of the batch: the masked spots.
        genes: (g,) int64 gene tokens.
        values: (m, g) float32 measured log1p expression.
    """

    spots: torch.Tensor
    genes: torch.Tensor
    values: torch.Tensor


@dataclass(frozen=True)
class SlideBatch(Movable):
    """One or more slides (or patches of slides) for STPath, their S spots laid end to end.

    Attributes:
        features: (S, F) image features of the spots, float16 or float32.
        coords: (S, 2) float32, each slide scaled to 0…100.
        lengths: spots of each slide; they sum to S.
        technology: (S,) int64 technology tokens.
        organ: (S,) int64 organ tokens.
        expression: what the model is told of the spots' expression.
        scored: what each slide is scored on; empty outside training.
    """

    features: torch.Tensor
    coords: torch.Tensor
    lengths: tuple[int, ...]
    technology: torch.Tensor
    organ: torch.Tensor
    expression: SparseExpression
    scored: tuple[ScoredSlide, ...] = ()

    def __len__(self) -> int:
        return len(self.features)


@dataclass(frozen=True)
class SlideStart:
    """What the training slides are like, for the parts of STPath that are fitted and not learned.

    Attributes:
        feature_mean: (F,) of the image features.
        feature_std: (F,) their standard deviation.
        expression: (tokens,) mean log1p expression; 0 of the reserved tokens.
    """

    feature_mean: torch.Tensor
    feature_std: torch.Tensor
    expression: torch.Tensor
