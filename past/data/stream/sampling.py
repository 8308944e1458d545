"""A sample of the cells of a set, spread evenly over it; and which of its sections cannot be read."""

from collections.abc import Iterator
from contextlib import closing

import numpy as np

from past.base.errors import DataError, PastError
from past.data.shards.images import decode
from past.data.shards.index import ShardIndex
from past.data.shards.reader import LocalShards, OnError, OpenShard, ShardReader
from past.data.shards.records import RawCell
from past.data.stream.plan import Reading
from past.data.stream.stream import shard_stream

MOST_SHARDS = 64  # an address's shards are fetched whole


def broken_sections(index: ShardIndex, open_shard: OpenShard | None = None) -> dict[str, str]:
    """Return what is broken of each section of which a cell cannot be read or its crop decoded; reads all cells."""
    found, side = {}, int(index.settings["px"])  # type: ignore[call-overload]
    for section in dict.fromkeys(shard.section for shard in index.shards):
        own = index.select(sections=[section])
        try:
            for batch in shard_stream(own, rank=0, seed=0, reading=Reading(shuffle=False), open_shard=open_shard):
                for cell in batch.samples:
                    try:
                        decode(cell.image, side)
                    except DataError as error:
                        raise DataError(f"{cell.shard}: sample {cell.key}: {error}") from error
        except PastError as error:
            found[section] = str(error)
    return found


def sample_cells(
    index: ShardIndex, cells: int, open_shard: OpenShard | None = None, on_error: OnError = "raise"
) -> Iterator[RawCell]:
    """Yield at most about `cells` cells, spread evenly over at most 64 shards, always the same ones of an index.

    Raises:
        DataError: a sample is broken (`on_error="raise"`; with "skip" it is passed over).
    """
    open_shard = open_shard or LocalShards(index.root)
    stocked = [shard for shard in index.shards if shard.samples]
    picked = (
        [stocked[i * len(stocked) // MOST_SHARDS] for i in range(MOST_SHARDS)]
        if len(stocked) > MOST_SHARDS
        else stocked
    )
    share = min(1.0, cells / max(sum(shard.samples for shard in picked), 1))
    for shard in picked:
        number = max(1, round(shard.samples * share))
        wanted = np.arange(number) * shard.samples // number
        with closing(ShardReader(open_shard, shard, index, wanted)) as reader:
            for place in wanted.tolist():
                cell = reader.take(place)
                if isinstance(cell, RawCell):
                    yield cell
                elif on_error == "raise":
                    raise cell
