"""Every section's stain, measured on a sample of its crops."""

from collections.abc import Mapping

import numpy as np

from past.base.errors import DataError
from past.base.stain import CROPS, count_values, stain_table
from past.data.shards.images import decode
from past.data.shards.index import ShardIndex
from past.data.shards.reader import OnError, OpenShard
from past.data.stream.sampling import sample_cells

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
