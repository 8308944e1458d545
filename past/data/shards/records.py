"""One sample as it travels: a cell or a section at its source, a sample out of a shard."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


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
    """One section's S spots, each with F image features, a place and raw counts; a sample of a slide shard.

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


class Samples(Protocol):
    """A section as a run of samples: what a writer of shards needs of it."""

    @property
    def section(self) -> Section:
        """What is known of it as a whole."""
        ...

    @property
    def facts(self) -> dict[str, object]:
        """What the index should say of it besides."""
        ...

    def __len__(self) -> int: ...

    def check(self) -> None:
        """Raise DataError where something is wrong with it."""
        ...

    def records(self, *, px: int, mpp: float | None, neighbours: int, start: int = 0) -> Iterator[Any]:
        """Yield its samples from `start` on, CellRecords or SlideRecords; see `TissueSection.records`."""
        ...


class SampleSource(Protocol):
    """A section that can be opened, in any process, as samples; see `SectionSource`, which is one."""

    @property
    def name(self) -> str:
        """The section's name, unique in its set."""
        ...

    def origin(self) -> dict[str, object]:
        """Return what the section is made from."""
        ...

    def open(self, genes: Sequence[str]) -> Samples:
        """Read or make the section, its counts over `genes`."""
        ...
