"""Whole sections as samples: each spot's crop through an image encoder, with the spots' places and counts."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

from past.base.errors import DataError
from past.base.stain import CROPS, count_values, recolour, stain_table
from past.data.shards.cell_format import sample_key
from past.data.shards.images import decode
from past.data.shards.index import ShardIndex
from past.data.shards.records import CellRecord, Samples, SampleSource, Section, SlideRecord
from past.data.stream.plan import Reading
from past.data.stream.stream import shard_stream
from past.models.stpath.vocabulary import organ_token, technology_or_padding

BATCH = 128  # crops through the encoder at a time

Encode = Callable[[np.ndarray], np.ndarray]  # (b, H, W, 3) uint8 → (b, F)
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SlideSource:
    """A section's cells made one sample.

    Attributes:
        source: gives the cells, as they would lie in cell shards.
        encode: the image encoder.
        encoder: its name.
        normalise_stain: bring the section to one mean and spread of optical density first (see `stain_table`).
        organ: STPath's name of the organ; None: the section's own word for it.
    """

    source: SampleSource
    encode: Encode
    encoder: str
    normalise_stain: bool = False
    organ: str | None = None

    @property
    def name(self) -> str:
        """The section's name."""
        return self.source.name

    def origin(self) -> dict[str, object]:
        """Return what the cells are made from; the encoder stands in the set's settings."""
        return self.source.origin()

    def open(self, genes: Sequence[str]) -> "SlideSection":
        """Open the section; no crop is cut yet."""
        cells = self.source.open(genes)
        section = replace(cells.section, organ=self.organ or cells.section.organ)
        return SlideSection(self, cells, section, {**cells.facts, "spots": len(cells)})


@dataclass(frozen=True)
class SlideSection:
    """One section as one sample; see `SlideSource`."""

    made: SlideSource
    cells: Samples
    section: Section
    facts: dict[str, object]

    def __len__(self) -> int:
        return 1

    def check(self) -> None:
        """Raise DataError where the cells are wrong, or STPath does not know the organ; warn of its technology."""
        self.cells.check()
        try:
            organ_token(self.section.organ)
        except DataError as error:
            raise DataError(f"{self.section.section}: {error}") from error
        if not technology_or_padding(self.section.technology):
            log.warning(
                "%s: STPath does not know %s, and is not told it", self.section.section, self.section.technology
            )

    def records(self, *, px: int, mpp: float | None, neighbours: int, start: int = 0) -> Iterator[SlideRecord]:
        """Yield the section as one record, unless `start` says that it is written; neighbours are left out."""
        if start == 0:
            yield self._record(lambda: self.cells.records(px=px, mpp=mpp, neighbours=0))

    def _record(self, read: Callable[[], Iterator[CellRecord]]) -> SlideRecord:
        table = stain_table(_histogram(read(), len(self.cells))) if self.made.normalise_stain else None
        features: list[np.ndarray] = []
        crops: list[np.ndarray] = []
        names, places, genes, counts, scale = [], [], [], [], 0.0
        for cell in read():
            crops.append(cell.crop.copy())
            if table is not None:
                recolour(crops[-1], table)
            if len(crops) == BATCH or len(names) + 1 == len(self.cells):
                features.append(self.made.encode(np.stack(crops)).astype(np.float16))
                crops.clear()
            own = slice(0, int(cell.offsets[1]))
            names.append(cell.name)
            places.append(cell.positions[0])
            genes.append(cell.genes[own])
            counts.append(cell.counts[own])
            scale = cell.mpp
        return SlideRecord(
            key=sample_key(self.section.section, 0),
            shard="",
            features=np.concatenate(features),
            coords=np.stack(places) / scale,
            genes=np.concatenate(genes),
            counts=np.concatenate(counts),
            offsets=np.cumsum([0, *map(len, genes)]),
            meta={**asdict(self.section), "mpp": scale, "encoder": self.made.encoder, "spots": names},
        )


def _histogram(cells: Iterator[CellRecord], number: int) -> np.ndarray:
    """Return (3, 256): how often each value of each channel occurs in about CROPS of the crops."""
    histogram = np.zeros((3, 256))
    for i, cell in enumerate(cells):
        if i % -(-number // CROPS) == 0:
            count_values(histogram, cell.crop)
    return histogram


@dataclass(frozen=True)
class ShardedSource:
    """A section that lies in a set of cell shards, cut and counted already.

    Attributes:
        index: the set's.
        name: the section's.
    """

    index: ShardIndex
    name: str

    def origin(self) -> dict[str, object]:
        """Return the hashes of its shards."""
        return {"sha256": [shard.sha256 for shard in self.index.select(sections=[self.name]).shards]}

    def open(self, genes: Sequence[str]) -> "ShardedSection":
        """Return the section; `genes` are the set's own."""
        assert tuple(genes) == self.index.genes
        facts = dict(self.index.sections[self.name])
        words = {word: str(facts.pop(word)) for word in ("patient", "organ", "technology", "species")}
        kept = {key: value for key, value in facts.items() if key not in ("cells", "source")}
        return ShardedSection(self.index.select(sections=[self.name]), Section(self.name, **words), kept)


@dataclass(frozen=True)
class ShardedSection:
    """One section of a set of cell shards."""

    index: ShardIndex
    section: Section
    facts: dict[str, object]

    def __len__(self) -> int:
        return self.index.samples

    def check(self) -> None:
        """Do nothing: whoever wrote the cells checked them."""

    def records(self, *, px: int, mpp: float | None, neighbours: int, start: int = 0) -> Iterator[CellRecord]:
        """Yield the cells from `start` on, of the size and scale and with the neighbours that they were cut with."""
        reading = Reading(batch_size=1, shuffle=False)
        for batch in shard_stream(self.index, rank=0, seed=0, reading=reading, position=start):
            for cell in batch.samples:
                yield CellRecord(
                    name=str(cell.meta["cell"]),
                    crop=decode(cell.image, px).permute(1, 2, 0).numpy(),
                    mpp=float(cell.meta["mpp"]),
                    genes=cell.genes,
                    counts=cell.counts,
                    offsets=cell.offsets,
                    positions=cell.positions,
                )
