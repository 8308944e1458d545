"""A trained PAST on a section: every cell's or spot's image and transcriptome in the joint space, as an .h5ad.

A section that is not cut yet is cut into shards first, as for a training, which lie beside the result while it is made:
so each cell becomes what it would be in training, whatever it came from.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
from anndata import AnnData
from anndata.io import read_elem

from past.base.errors import DataError, reading
from past.base.files import atomic_path, continued_file
from past.base.foreign.hdf5 import open_hdf5
from past.base.genes import gene_hash
from past.base.h5ad import new_h5ad, read_adata, read_places
from past.base.keys import Keys
from past.checkpoints.saved import Saved
from past.data.shards.index import ShardIndex
from past.data.shards.reader import LocalShards
from past.data.shards.records import SampleSource
from past.data.shards.settings import ShardSettings
from past.data.shards.splits import Split
from past.data.shards.writers import write_set
from past.data.stream.agreement import Agreement
from past.data.stream.datamodule import OpenedShards
from past.data.stream.loader import Loader, RankReader
from past.data.stream.plan import Reading
from past.data.stream.stream import shard_stream
from past.models.past.embed import Embeddings, embed_cells
from past.models.past.model import PASTModel
from past.models.past.samples.cells import CellSamples
from past.slides.embedding import Embedded, Facts, Report, require_same
from past.slides.frozen_encoder import weights_hash

WORDS: Final = ("section", "patient", "organ", "technology", "species", Keys.CELL_TYPE)  # of a cell, in `obs`
MADE: Final = "made_of"  # in uns["past"]
CURE: Final = "give another --out, or remove it first"


class Section(Protocol):
    """A section that PAST is applied to."""

    @property
    def name(self) -> str:
        """The section's name."""
        ...

    def origin(self) -> Facts:
        """Return what it is made from."""
        ...

    def shards(self, scratch: Path, saved: Saved, report: Report) -> ShardIndex:
        """Return its shards, written into `scratch` where there are none yet."""
        ...

    def places(self) -> pd.DataFrame | None:
        """Return the file's own x and y by the cells' names, in its order; None: only places in µm are known."""
        ...


@dataclass(frozen=True)
class SectionInShards:
    """A section of a set of cell shards.

    Attributes:
        index: the set's.
        name: the section's.
    """

    index: ShardIndex
    name: str

    def origin(self) -> Facts:
        """Return the hashes of its shards."""
        return {"section": [shard.sha256 for shard in self.index.select(sections=[self.name]).shards]}

    def shards(self, scratch: Path, saved: Saved, report: Report) -> ShardIndex:
        """Return its shards.

        Raises:
            DataError: they are cut at another scale or size than the model was trained on.
        """
        there, wanted = self.index.settings, _cut_for(saved)
        for name, unit in (("px", "px"), ("mpp", "µm/px")):
            if there.get(name) != getattr(wanted, name):
                raise DataError(
                    f"{self.index.root}: its crops are of {there.get(name) or 'native'} {unit}, the model was trained "
                    f"on {getattr(wanted, name) or 'native'} {unit}: write shards of these, or give the sections' .h5ad"
                )
        return self.index.select(sections=[self.name])

    def places(self) -> None:
        """Return None: shards hold places in µm."""


@dataclass(frozen=True)
class SectionToCut:
    """A section in an .h5ad beside its image.

    Attributes:
        source: reads it.
        path: the .h5ad.
        read_genes: returns those whose counts are taken: a cell's are scaled by their sum.
    """

    source: SampleSource
    path: Path
    read_genes: Callable[[], Sequence[str]]

    @property
    def name(self) -> str:
        """The section's name."""
        return self.source.name

    def origin(self) -> Facts:
        """Return the hashes of its files and genes, and what the user said in their place."""
        said = json.dumps(self.source.origin(), sort_keys=True, default=str)
        return {"section": hashlib.sha256(said.encode()).hexdigest(), "list of genes": gene_hash(self.read_genes())}

    def shards(self, scratch: Path, saved: Saved, report: Report) -> ShardIndex:
        """Cut it as the training's sections were, and return its shards."""
        index = write_set(scratch, [self.source], _cut_for(saved), self.read_genes(), report=report)
        assert index is not None
        return index

    def places(self) -> pd.DataFrame:
        """Return `obsm["spatial"]`."""
        adata = read_adata(self.path)
        return pd.DataFrame(read_places(adata, self.name), index=pd.Index(map(str, adata.obs_names)))


def _cut_for(saved: Saved) -> ShardSettings:
    """Return how cells are cut that a model can read."""
    mpp: Any = saved.crops.get("mpp", 0.5)
    px, neighbours = saved.crops.get("px", 224), saved.tokenizer.get("neighbours", 8)
    scale = None if mpp in (None, "native") else float(mpp)
    return ShardSettings("anndata", int(px), scale, int(neighbours), benchmark="allowed")  # type: ignore[call-overload]


@dataclass(frozen=True)
class SectionEmbedder:
    """Makes the joint embeddings of sections by one trained PAST.

    Attributes:
        saved: the model, on the device where it computes, and its tokenizer.
        name: of the model, for people.
        batch_size: cells at a time.
        workers: processes that read and decode; 0: the caller's own.
        report: called as it goes on.
    """

    saved: Saved
    name: str
    batch_size: int = 128
    workers: int = 0
    report: Report = lambda *_: None

    def __call__(self, section: Section, path: Path, may_wait: bool = True) -> Embedded:
        """Write a section's embeddings to `path`, or find them there.

        Raises:
            BlockingIOError: another process is at it, and `may_wait` is false.
            ConfigError: what is there was made of something else.
            DataError: the section cannot be read, or not by this model.
            NoSpaceError: the disk is full.
        """
        facts = section.origin() | {"model": self.name, "weights": self._weights}
        there = finished(path, facts)
        if there is None:
            with continued_file(path.with_name(f"{path.name}.part"), may_wait) as (part, _):
                there = finished(path, facts) or self._write(section, path, facts)  # made while this one waited
                part.unlink(missing_ok=True)
        self.report(section.name, 1, 1)
        return there

    def table(self, section: Section, scratch: Path) -> AnnData:
        """Return a section's embeddings: `obsm` with X_past of the images and X_past_expression of the transcriptomes.

        Args:
            section: whose.
            scratch: a folder for its shards.
        """
        model, index = self.saved.model, section.shards(scratch, self.saved, self.report)
        assert isinstance(model, PASTModel)
        samples = CellSamples(normalise_stain=bool(self.saved.crops.get("normalise_stain")))
        samples.attach(OpenedShards(index, Split(index, index), LocalShards(index.root), "raise", 0))
        samples.use_tokenizer(self.saved.tokenizer)
        reading = Reading(batch_size=self.batch_size, shuffle=False)
        cells = RankReader(index, samples.collate(False, 0), reading, 0, 0, self.workers, Agreement())
        return _table(embed_cells(model, Loader(cells)), _micrometres(index), section.places())

    @property
    def _weights(self) -> str:
        return weights_hash(self.saved.model)

    def _write(self, section: Section, path: Path, facts: Facts) -> Embedded:
        with atomic_path(path) as made:
            table = self.table(section, made.with_name("shards"))
            table.uns[Keys.PAST] = {"method": "PAST, both towers", MADE: json.dumps(facts, sort_keys=True)}
            with new_h5ad(made, table):
                pass
        return Embedded(path, len(table), 0, made=True)


def finished(path: Path, facts: Facts) -> Embedded | None:
    """Return what is known of embeddings that are there; None: there are none.

    Raises:
        ConfigError: they are of something else, which is named.
        DataError: something else is there.
    """
    if not path.is_file():
        return None
    with open_hdf5(path) as file, reading(path, "not embeddings that 'past embed' made", CURE):
        parts: Any = file
        made = json.loads(str(read_elem(parts[f"uns/{Keys.PAST}/{MADE}"])))
        cells = len(parts[f"obsm/{Keys.IMAGES}"])
    require_same(path, made, facts)
    return Embedded(path, cells, 0, made=False)


def _micrometres(index: ShardIndex) -> np.ndarray:
    """Return the cells' places (n, 2) in µm, in the index's order."""
    stream = shard_stream(index, rank=0, seed=0, reading=Reading(batch_size=1024, shuffle=False))
    return np.concatenate([[cell.positions[0] for cell in raw.samples] for raw in stream]).astype(np.float64)


def _table(found: Embeddings, micrometres: np.ndarray, own: pd.DataFrame | None) -> AnnData:
    """Return the table of a section's cells, in the file's order where it has places of its own."""
    names = found.column("cell")
    obs = pd.DataFrame({word: pd.Categorical(found.column(word)) for word in WORDS}, index=pd.Index(names))
    obs = obs.drop(columns=[word for word in WORDS if set(obs[word]) == {""}])
    table = AnnData(obs=obs)
    table.obsm[Keys.SPATIAL] = micrometres if own is None else own.loc[names].to_numpy()
    table.obsm[Keys.IMAGES] = found.images.numpy()
    table.obsm[Keys.TRANSCRIPTOMES] = found.cells.numpy()
    return table if own is None else table[own.index[own.index.isin(names)]].copy()
