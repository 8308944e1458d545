"""What all readers of files share: options that stand in for the files, the set's gene list, the order of cells."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.base.genes import match_genes, read_genes, read_synonyms, unversioned
from past.base.h5ad import over_genes, sha256_of
from past.base.joins import row_names
from past.base.pictures import Picture, reading_order
from past.base.vocabularies import SPECIES, TECHNOLOGIES, canonical, word
from past.data.shards.records import Section
from past.data.sources.images import outside
from past.data.sources.tissue import TissueSection

FINEST, COARSEST = 0.01, 100.0  # µm/px of an image: beyond, what is said of it is wrong
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SectionOptions:
    """What the user says of a section, in place of what its files say; None: as the files say.

    Attributes:
        image: the H&E image.
        image_mpp: its µm/px.
        patient: whose the section is.
        organ: free text.
        technology: one of past.base.vocabularies.TECHNOLOGIES.
        species: one of past.base.vocabularies.SPECIES.
        min_counts: cells with fewer counts of the set's genes are left out.
        drop_outside: cells outside the image are left out; else they are an error.
        gene_tables: tables of Ensembl ids and symbols, for a set whose gene list has other names than the section.
        unsaid: what stands for organ, technology and species where nobody says them; None: that is an error.
    """

    image: Path | None = None
    image_mpp: float | None = None
    patient: str | None = None
    organ: str | None = None
    technology: str | None = None
    species: str | None = None
    min_counts: int = 1
    drop_outside: bool = False
    gene_tables: tuple[Path, ...] = ()
    unsaid: str | None = None

    def synonyms(self) -> dict[str, set[str]]:
        """Return what the gene tables together say."""
        synonyms: dict[str, set[str]] = {}
        for table in self.gene_tables:
            for name, others in read_synonyms(table).items():
                synonyms[name] = synonyms.get(name, set()) | others
        return synonyms

    def section(self, name: str, **said: object) -> Section:
        """Return the section's description from what its files say of patient, organ, technology and species.

        Raises:
            DataError: nobody says what organ, technology or species it is, or a word is not known.
        """
        asked = ("patient", "organ", "technology", "species")
        found = {what: word(getattr(self, what)) or word(said.get(what)) or self.unsaid for what in asked}
        missing = [what for what, value in found.items() if not value and what != "patient"]
        if missing:
            options = " ".join(f"--{what}" for what in missing)
            raise DataError(f"{name}: its files say no {' and no '.join(missing)}: give {options}")
        if not found["patient"]:
            _log.warning("%s: its files name no patient: taken for a patient of its own; give --patient", name)
        return Section(
            section=name,
            patient=str(found["patient"] or name),
            organ=str(found["organ"]),
            technology=self._canonical(str(found["technology"]), TECHNOLOGIES, f"{name}: technology"),
            species=self._canonical(str(found["species"]), SPECIES, f"{name}: species"),
        )

    def _canonical(self, said: str, words: Sequence[str], what: str) -> str:
        return said if said == self.unsaid else canonical(said, words, what)


@dataclass(frozen=True)
class RawSection:
    """What a section's files say, before a gene list is brought to it.

    Attributes:
        section: what is known of it as a whole.
        image: its H&E.
        mpp: µm/px of the image.
        centres: (n, 2) float64 x, y of the cells in pixels of the image.
        counts: (n, features) raw counts.
        features: each feature's names, the one that a set is made of by default first.
        names: (n,) the cells' own names.
        cell_types: (n,) types, None where one is not known; or None.
        controls: features that were left out, as no genes: control probes, blanks, proteins.
        facts: what the index should say of it besides.
    """

    section: Section
    image: Picture
    mpp: float
    centres: np.ndarray
    counts: csr_matrix
    features: Sequence[tuple[str, ...]]
    names: Sequence[object]
    cell_types: list[str | None] | None = None
    controls: int = 0
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class FileSource(ABC):
    """A section that lies in files; a reader says which, and what they say.

    Attributes:
        path: the file or folder that the user names.
        options: what the user says in place of the files.
    """

    path: Path
    options: SectionOptions = SectionOptions()

    @property
    def name(self) -> str:
        """The section's name: the file's stem."""
        return self.path.stem

    @abstractmethod
    def files(self) -> list[Path]:
        """Return the files that the section is made from; DataError where one is missing."""

    def picture_file(self) -> Path | None:
        """Return the H&E's file; None: it lies within something larger, and `read` opens it."""
        return None

    @abstractmethod
    def features(self) -> list[tuple[str, ...]]:
        """Return each gene's names as `RawSection.features` has them, without reading counts."""

    def genes(self) -> tuple[str, ...]:
        """Return the names that a set of this section alone is made of by default."""
        return tuple(dict.fromkeys(names[0] for names in self.features()))

    @abstractmethod
    def read(self) -> RawSection:
        """Read everything; DataError where something is wrong, naming the section."""

    def metadata(self) -> list[Path]:
        """Return the tables of many sections that say something of this one; none, unless a reader has such."""
        return []

    def origin(self) -> dict[str, object]:
        """Return the SHA-256 of every file, what the user said in their place, and which part of the files is meant."""
        hashes = [sha256_of(path) for path in (*self.files(), *self.metadata(), *self.options.gene_tables)]
        said = asdict(replace(self.options, image=None, gene_tables=()))
        own = {word.name: getattr(self, word.name) for word in fields(self) if word.name not in ("path", "options")}
        parts = {word: value for word, value in own.items() if value is not None and not isinstance(value, Path)}
        return {
            "sha256": hashes,
            **parts,
            **{word: value for word, value in said.items() if value != getattr(SectionOptions, word)},
        }

    def open(self, genes: Sequence[str]) -> TissueSection:
        """Read the section, its counts over `genes`, its cells in the order in which their crops are read fastest.

        Raises:
            DataError: what is wrong with it, or no cell left.
        """
        raw = self.read()
        if not FINEST <= raw.mpp <= COARSEST:
            raise DataError(f"{self.name}: {raw.mpp:.4g} µm/px is no microscope's: give the image's with --image-mpp")
        names = row_names(raw.names, self.name)
        if raw.controls:
            _log.warning("%s: %d features are no genes (controls, proteins) and are left out", self.name, raw.controls)
        positions = match_genes(raw.features, genes, self.options.synonyms())
        counts = over_genes(raw.counts, positions, len(genes))
        total = np.asarray(counts.sum(axis=1)).ravel()
        least = max(1, self.options.min_counts)
        off = outside(raw.image.size, raw.centres)
        off &= (
            self.options.drop_outside and off.mean() < 0.5
        )  # most of them outside: another fault, which the check names
        kept = np.flatnonzero((total >= least) & ~off)
        unmapped = [gene[0] for gene, position in zip(raw.features, positions, strict=True) if position < 0]
        if not len(kept):
            raise DataError(
                f"{self.name}: no cell is left: none of its {len(total)} has {least} counts of the set's {len(genes)} "
                f"genes, which {len(unmapped)} of its {len(positions)} are not in: of another panel or species? "
                "give another --genes, or --gene-table"
            )
        kept = kept[reading_order(raw.image, raw.centres[kept])]
        types = raw.cell_types
        return TissueSection(
            section=raw.section,
            image=raw.image,
            mpp=raw.mpp,
            centres=raw.centres[kept],
            counts=counts[kept],
            names=[names[i] for i in kept],
            cell_types=None if types is None else [types[i] for i in kept],
            facts={
                "files": [path.name for path in self.files()],
                **raw.facts,
                "controls_dropped": raw.controls,
                "cells_dropped": len(total) - len(kept),
                **({"cells_outside": int(off.sum())} if self.options.drop_outside else {}),
                "genes_dropped": len(unmapped),
                "genes_unmapped": unmapped,
            },
        )


def genes_of(sources: Sequence[FileSource], given: Path | None) -> tuple[str, ...]:
    """Return the gene list that the user gives as a file, else all sections' genes."""
    return read_genes(given) if given else union_of_genes(sources)


def union_of_genes(sources: Sequence[FileSource]) -> tuple[str, ...]:
    """Return all sections' genes, a gene once by whichever of its names (symbol, Ensembl id of any version).

    Sections that give one name each are taken first: one that gives symbols and ids then finds their genes by either,
    while ids alone would not be found among symbols. Otherwise genes stand in the order in which they first occur.

    Raises:
        DataError: sections that cannot be read, a line each.
    """
    union: list[str] = []
    of_each, unread = [], []
    for source in sources:
        try:
            of_each.append((source.features(), source.options.synonyms()))
        except DataError as error:
            unread.append(str(error))
    if unread:
        cure = "mend them or leave them out; with --genes FILE the other sections are written without them"
        raise DataError(*unread, *([f"no gene list of all sections: {cure}"] if len(sources) > 1 else []))
    for features, synonyms in sorted(of_each, key=lambda each: max((_distinct(names) for names in each[0]), default=0)):
        positions = match_genes(features, union, synonyms)
        new = [names[0] for names, position in zip(features, positions, strict=True) if position < 0]
        union += dict.fromkeys(new)
    return tuple(union)


def _distinct(names: Sequence[str]) -> int:
    return len({unversioned(name) for name in names})
