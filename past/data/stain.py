"""Stain normalisation: every section's optical density brought to one mean and spread, from its images alone."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from past.data.images import decode
from past.data.index import ShardIndex
from past.data.statistics import sample_cells
from past.data.stream import OnError, OpenShard
from past.errors import DataError

CROPS: Final = 200  # of a section; more do not move a mean over their 10 million pixels
# Optical density (log₁₀) of R, G, B in a usual H&E section
MEAN: Final = np.array([[0.18], [0.34], [0.20]])
SPREAD: Final = np.array([[0.12], [0.18], [0.12]])
_DENSITY: Final = -np.log10((np.arange(256) + 1) / 256)

StainTables = Mapping[str, np.ndarray]


def stain_tables(
    index: ShardIndex, crops: int = CROPS, open_shard: OpenShard | None = None, on_error: OnError = "raise"
) -> StainTables:
    """Return, for each section, what becomes of each value of each channel: (3, 256) uint8.

    An affine map of optical density per channel, from the mean and the standard deviation over a sample of the
    section's own crops to fixed ones (after Reinhard et al. 2001, in optical density in place of lαβ).

    Args:
        index: the shards.
        crops: number of crops that a section is measured by, at most.
        open_shard: how a shard is opened; None: as a file below the index.
        on_error: "raise", or "skip" cells that cannot be read.

    Raises:
        DataError: a cell cannot be read, or (`on_error="skip"`) none of a section.
    """
    tables = {}
    for section in sorted({shard.section for shard in index.shards}):
        histogram = np.zeros((3, 256))
        for cell in sample_cells(index.select(sections=[section]), crops, open_shard, on_error):
            try:
                pixels = decode(cell.image).numpy()
            except DataError as error:
                if on_error == "raise":
                    raise DataError(f"{cell.shard}: sample {cell.key}: {error}") from error
                continue
            count_values(histogram, pixels.transpose(1, 2, 0))
        if not histogram.any():
            raise DataError(f"{section}: no crop of it can be read to measure its stain: make its shards again")
        tables[section] = stain_table(histogram)
    return tables


def count_values(histogram: np.ndarray, crop: np.ndarray) -> None:
    """Add to (3, 256) how often each value of each channel occurs in an (H, W, 3) uint8 crop."""
    for channel in range(3):
        histogram[channel] += np.bincount(crop[..., channel].ravel(), minlength=256)


def recolour(crop: np.ndarray, table: np.ndarray) -> None:
    """Change an (H, W, 3) uint8 crop in place, each channel by its row of the (3, 256) table."""
    for channel in range(3):
        crop[..., channel] = table[channel][crop[..., channel]]


def stain_table(histogram: np.ndarray) -> np.ndarray:
    """Return (3, 256) uint8 from the (3, 256) histogram of a section's pixel values."""
    share = histogram / histogram.sum(axis=1, keepdims=True)
    mean = (share * _DENSITY).sum(axis=1, keepdims=True)
    spread = np.sqrt((share * (_DENSITY - mean) ** 2).sum(axis=1, keepdims=True))
    density = (_DENSITY - mean) / np.maximum(spread, 1e-6) * SPREAD + MEAN
    return np.round(256 * 10 ** -density.clip(0, _DENSITY[0]) - 1).astype(np.uint8)
