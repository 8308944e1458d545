"""One shard's samples in whichever order they are asked for, and how a shard is opened."""

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from past.base.errors import DataError
from past.data.shards.entries import Shard
from past.data.shards.index import ShardIndex
from past.data.shards.slide_format import format_of
from past.data.shards.tar import BLOCK, TarReader

OnError = Literal["raise", "skip"]
OpenShard = Callable[[Shard], BinaryIO]


@dataclass(frozen=True)
class LocalShards:
    """Opens the shards of a directory."""

    root: str

    def __call__(self, shard: Shard) -> BinaryIO:
        """Open a shard.

        Raises:
            DataError: it is not there, may not be read, or is another one than the index was made of.
        """
        path = Path(self.root) / shard.name
        try:
            file = path.open("rb")
        except OSError as error:
            raise DataError(f"{path}: cannot be opened ({error.strerror}): restore it, or make it again") from error
        size = os.fstat(file.fileno()).st_size
        if size != shard.bytes and (size > shard.bytes or _ends(file, size)):  # one that is cut off says where
            file.close()
            raise DataError(
                f"{path}: {size:,} bytes, the index says {shard.bytes:,}: it was exchanged; restore it, or make the "
                "set again, for the index is not of these shards"
            )
        return file


def _ends(file: BinaryIO, size: int) -> bool:
    """Whether a tar file has its end, two blocks of zeros; the file is at its start again."""
    file.seek(max(0, size - 2 * BLOCK))
    end = file.read()
    file.seek(0)
    return not any(end)


@dataclass
class Faults:
    """Samples that could not be had: how many of each shard, and the message of each shard's first."""

    skipped: Counter[str] = field(default_factory=Counter)
    causes: dict[str, str] = field(default_factory=dict)

    @property
    def first(self) -> str | None:
        """The first one's message."""
        return next(iter(self.causes.values()), None)

    def add(self, shard: str, error: DataError) -> None:
        """Count one sample."""
        self.skipped[shard] += 1
        self.causes.setdefault(shard, str(error))


class ShardReader:
    """Gives the wanted samples of one shard in any order, though the file is only read forward.

    It reads as far as the sample that is asked for, and keeps the wanted ones that it passes until they are asked for.

    Args:
        open_shard: opens the shard, when its first sample is asked for.
        shard: the shard.
        index: the set's; it says how many genes there are, and what a sample is made of.
        wanted: (n,) places of the samples that will be asked for, in any order, once each.
    """

    def __init__(self, open_shard: OpenShard, shard: Shard, index: ShardIndex, wanted: np.ndarray) -> None:
        self._open, self._shard, self._genes, self._format = (
            open_shard,
            shard,
            len(index.genes),
            format_of(index.settings),
        )
        self._wanted = iter(np.sort(wanted).tolist())
        self._held: dict[int, Any] = {}
        self._file: BinaryIO | None = None
        self._reader: TarReader | None = None
        self._fault: DataError | None = None  # of the shard itself: nothing more can be had from it

    def take(self, sample: int) -> Any:
        """Return a sample (RawCell or SlideRecord), or the DataError that says why it cannot be had."""
        while sample not in self._held:
            number = next(self._wanted)
            self._held[number] = self._read(number)
        return self._held.pop(sample)

    def _read(self, number: int) -> Any:
        if self._fault is not None:
            return self._fault
        try:
            if self._reader is None:
                self._file = self._open(self._shard)
                self._reader = TarReader(self._file, self._shard.name, self._genes, self._format)
            self._reader.skip(number - self._reader.samples)
            cell = self._reader.read()
            if cell is None:
                raise DataError(
                    f"{self._shard.name}: ends after {number} samples; its index counts {self._shard.samples}"
                )
            if cell.meta["section"] != self._shard.section:
                raise DataError(
                    f"{self._shard.name}: sample {cell.key}: it is of section {cell.meta['section']!r:.40}, "
                    f"its index says {self._shard.section!r}: the shard was exchanged; run 'past verify'"
                )
        except DataError as error:
            if self._reader is None or self._reader.ended:
                self._fault = error
            return error
        return cell

    def close(self) -> None:
        """Close the shard, if it is open."""
        if self._file is not None:
            self._file.close()
            self._file = None
