"""Slide shards as they are read outside training: a section by its name, or one after the other."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.data.shards.entries import Shard
from past.data.shards.index import ShardIndex
from past.data.shards.reader import LocalShards, OpenShard, ShardReader
from past.data.shards.records import SlideRecord
from past.data.shards.slide_format import holds_slides


class SlideSet:
    """A directory of slide shards, one section a shard; nothing is held but the index.

    Args:
        index: as `open` reads it, or a part of it (`index.select(sections=…)`).
        open_shard: how a shard is opened; None: as a file below the index.

    Raises:
        DataError: the index is of cells.
    """

    def __init__(self, index: ShardIndex, open_shard: OpenShard | None = None) -> None:
        if not holds_slides(index.settings):
            raise DataError(f"{index.root}: holds cells, not slides: make slides of them with 'past shards slides'")
        self.index = index
        self._open = open_shard or LocalShards(index.root)

    @staticmethod
    def open(root: str | Path) -> "SlideSet":
        """Open a directory that `past shards slides` wrote."""
        return SlideSet(ShardIndex.read(root))

    @property
    def sections(self) -> tuple[str, ...]:
        """Names of the sections, in the index's order."""
        return tuple(shard.section for shard in self.index.shards)

    def __len__(self) -> int:
        return len(self.index.shards)

    def __iter__(self) -> Iterator[SlideRecord]:
        return map(self._read, self.index.shards)

    def get(self, section: str) -> SlideRecord:
        """Read one section.

        Raises:
            DataError: there is no such section, or its shard is broken.
        """
        for shard in self.index.shards:
            if shard.section == section:
                return self._read(shard)
        raise DataError(f"section {section!r} is not in {self.index.root}: it has {', '.join(self.sections)}")

    def counts(self, record: SlideRecord) -> csr_matrix:
        """Return a slide's raw counts (S, genes of the index), float32."""
        return raw_counts(record, len(self.index.genes))

    def _read(self, shard: Shard) -> SlideRecord:
        with closing(ShardReader(self._open, shard, self.index, np.arange(1))) as reader:
            record = reader.take(0)
        if isinstance(record, DataError):
            raise record
        return record


def raw_counts(record: SlideRecord, genes: int) -> csr_matrix:
    """Return a slide's raw counts over a gene list of that length, (S, genes) float32."""
    ids = record.genes.astype(np.int64)
    return csr_matrix((record.counts.astype(np.float32), ids, record.offsets), shape=(len(record), genes))
