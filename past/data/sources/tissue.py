"""A section in memory, whichever program made it, and its cells as records: what every source ends in."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from scipy.sparse import csr_matrix

from past.base.crops import cut_crop, exact_scale, resampled
from past.base.neighbours import nearest
from past.base.pictures import Picture
from past.data.shards.records import CellRecord, Section
from past.data.sources.images import check_inside, check_on_tissue


@dataclass(frozen=True)
class TissueSection:
    """One section: its image, and its cells' places and counts.

    Attributes:
        section: what is known of it as a whole.
        image: RGB, in memory or read by region.
        mpp: µm/px of the image.
        centres: (n, 2) float64 x, y in pixels of the image.
        counts: (n, genes) raw counts over the set's gene list, indices ascending, no stored zeros.
        names: (n,) the cells' own names.
        cell_types: (n,) types, None where one is not known; or None.
        facts: what the index should say of it besides.
    """

    section: Section
    image: Picture
    mpp: float
    centres: np.ndarray
    counts: csr_matrix
    names: Sequence[str]
    cell_types: Sequence[str | None] | None = None
    facts: dict[str, object] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.names)

    def check(self) -> None:
        """Raise DataError where cells lie outside the image, off its tissue, or on no H&E."""
        check_inside(self.section.section, self.image, self.centres)
        check_on_tissue(self.section.section, self.image, self.mpp, self.centres)

    def records(self, *, px: int, mpp: float | None, neighbours: int, start: int = 0) -> Iterator[CellRecord]:
        """Yield the cells from `start` on, in the section's order.

        Args:
            px: side of the crops.
            mpp: their µm/px; None: the image's own.
            neighbours: nearest cells whose counts and positions go with each cell, as many as there are.
            start: position of the first cell.
        """
        positions = self.centres * self.mpp
        near = nearest(positions, neighbours)
        scale = 1.0 if mpp is None else exact_scale(mpp / self.mpp)
        bounds = np.asarray(self.counts.indptr)
        lengths = np.diff(bounds)
        image = resampled(self.image, scale)
        for i in range(start, len(self)):
            rows = np.concatenate(([i], near[i]))
            spans = [slice(bounds[row], bounds[row + 1]) for row in rows]
            x, y = self.centres[i] / scale
            yield CellRecord(
                name=self.names[i],
                crop=cut_crop(image, x, y, px),
                mpp=mpp or self.mpp,
                genes=np.concatenate([self.counts.indices[span] for span in spans]),
                counts=np.concatenate([self.counts.data[span] for span in spans]),
                offsets=np.concatenate(([0], np.cumsum(lengths[rows]))),
                positions=positions[rows],
                cell_type=None if self.cell_types is None else self.cell_types[i],
            )


class SectionSource(Protocol):
    """A section that can be opened, in any process; `name` is its name in the set."""

    @property
    def name(self) -> str:
        """The section's name, unique in its set."""
        ...

    def origin(self) -> dict[str, object]:
        """Return what the section is made from (hashes of files, seeds), as JSON: equal means the same section."""
        ...

    def open(self, genes: Sequence[str]) -> TissueSection:
        """Read or make the section, its counts over `genes`.

        Raises:
            DataError: what is wrong with it, naming the section.
        """
        ...
