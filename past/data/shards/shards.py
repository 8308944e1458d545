"""A set of shards as one object, for training programs of your own: its index, and its samples as a WebDataset."""

import copy
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from past.base.errors import DataError
from past.data.shards.entries import Shard
from past.data.shards.index import ShardIndex
from past.data.shards.reader import OpenShard, ShardReader
from past.data.shards.records import RawCell, SlideRecord
from past.data.shards.remote import open_set

if TYPE_CHECKING:
    from webdataset.compat import FluidWrapper


class Shards:
    """A set of shards in a directory or at an address.

    To train a model of your own on them:

        from past.data.shards import Shards

        samples = Shards("shards").webdataset(shuffle=1_000).map(my_transform).batched(64, my_collate)
        loader = torch.utils.data.DataLoader(samples, batch_size=None, num_workers=4)

    Args:
        root: the directory, or the address (`https://…`, `s3://…`).
        cache: directory for the shards of an address.
        cache_gb: GB that it may take.

    Attributes:
        index: what lies there: genes, shards, patients, settings.

    Raises:
        DataError: no set of shards is there.
    """

    def __init__(self, root: str | Path, *, cache: str | Path = "~/.cache/past", cache_gb: float = 50.0) -> None:
        self.index, self._open = open_set(str(root), Path(cache), int(cache_gb * 1e9))

    def select(self, *, patients: Iterable[str] | None = None, sections: Iterable[str] | None = None) -> "Shards":
        """Return the part of the set that is of these patients and sections (None: all)."""
        part = copy.copy(self)
        part.index = self.index.select(patients=patients, sections=sections)
        return part

    def webdataset(self, *, shuffle: int = 0, rank: int = 0, world: int = 1) -> "FluidWrapper":
        """Return the samples as a pipeline of WebDataset's, to which `.map`, `.to_tuple`, `.batched` … can be added.

        Every sample comes once in each iteration, over all ranks and all workers of a DataLoader. WebDataset shares
        out whole shards and shuffles; the bytes are fetched and read as in past's own training, with all checks and
        nothing unpickled (why: see `past.data.shards.tar`). Two things are better in past's own loader: here one rank
        may get more samples than another, which a training by DDP does not survive, and no shuffled order ever comes
        twice.

        A cell is a dict of these:

        - `__key__`, `__url__`: its key, and its shard's name
        - `image`: (3, px, px) uint8 tensor, RGB
        - `genes`, `counts`: (n,) positions in `index.genes`, and raw counts
        - `offsets`, `positions`: (K + 1,) and (K, 2), the cell first, then its neighbours; see `CellRecord`
        - `meta`: what `<key>.json` says: section, patient, organ, mpp, …

        A slide has `features` (S, F) and `coords` (S, 2) in place of `image` and `positions`; see `SlideRecord`.

        Args:
            shuffle: samples to hold, undecoded, and draw from; shards come in any order then too. 0: in order.
            rank: of this process …
            world: … among so many that share the samples out.

        Raises:
            DataError: no such rank, or fewer shards than ranks; while reading: a sample is broken.
        """
        from webdataset import filters
        from webdataset.compat import FluidWrapper
        from webdataset.shardlists import split_by_worker

        shards = list(self.index.shards[rank::world]) if 0 <= rank < world else []
        if not shards:
            raise DataError(
                f"rank {rank} of {world} gets none of the {len(self.index.shards)} shards of {self.index.root}: "
                "use fewer ranks, or write smaller shards (--cells-per-shard)"
            )
        pipeline = FluidWrapper(shards)
        pipeline.append(split_by_worker)
        if shuffle:
            pipeline.append(filters.shuffle(len(shards), initial=len(shards)))
        pipeline.append(partial(_read, open_shard=self._open, index=self.index))
        if shuffle:
            pipeline.append(filters.shuffle(shuffle, initial=shuffle))
        pipeline.append(filters.map(partial(_decoded, side=self.index.settings.get("px"))))
        return pipeline


def _read(shards: Iterable[Shard], open_shard: OpenShard, index: ShardIndex) -> Iterator[RawCell | SlideRecord]:
    """Yield all samples of these shards, still encoded."""
    for shard in shards:
        with closing(ShardReader(open_shard, shard, index, np.arange(shard.samples))) as reader:
            for place in range(shard.samples):
                sample = reader.take(place)
                if isinstance(sample, DataError):
                    raise sample
                yield sample


def _decoded(sample: RawCell | SlideRecord, side: Any) -> dict[str, Any]:
    """Return the sample as a dict, its image decoded to `side` × `side` px, its arrays writable."""
    values: dict[str, Any] = {"__key__": sample.key, "__url__": sample.shard}
    for name, value in vars(sample).items():
        if isinstance(value, np.ndarray):
            values[name] = value.copy()
    if isinstance(sample, RawCell):
        from past.data.shards.images import decode

        try:
            values["image"] = decode(sample.image, side)
        except DataError as error:
            raise DataError(f"{sample.shard}: sample {sample.key}: {error}") from error
    return {**values, "meta": sample.meta}
