"""A task's samples in memory: names of the spots, measured expression, patient; the tiles stay on disk."""

import contextlib
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from past.base.errors import DataError
from past.base.genes import gene_map
from past.evaluation.hest.layout import BenchSample, Fold, HestTask, read_expression, read_task, require_apart
from past.evaluation.statistics.units import Places
from past.slides.tiles import PatchFile


@dataclass(frozen=True)
class Spots:
    """One sample's spots, in the order of its patch file.

    Attributes:
        name: the sample.
        patient: whose it is; the sample's own name where nobody says.
        patches: its tiles.
        expression: (n, g) float64 log1p of raw counts of the task's genes.
        source: its files.
    """

    name: str
    patient: str
    patches: PatchFile
    expression: np.ndarray
    source: BenchSample

    def __len__(self) -> int:
        return len(self.patches)


@dataclass(frozen=True)
class FoldData:
    """A fold with its samples read.

    Attributes:
        task: the task's name.
        number: the fold's k.
        genes: those scored.
        train: the training samples.
        test: the test samples.
    """

    task: str
    number: int
    genes: tuple[str, ...]
    train: Sequence[Spots]
    test: Sequence[Spots]

    @property
    def title(self) -> str:
        """Names the fold in messages."""
        return f"{self.task} fold {self.number}"


@dataclass
class TaskData:
    """Reads each sample of a task once.

    Attributes:
        task: the task.
        sources: sample → patient, a mapping for everybody who says it, who knows best first.
    """

    task: HestTask
    sources: Sequence[Mapping[str, str]]
    _read: dict[str, Spots | DataError] = field(default_factory=dict)

    @property
    def patients(self) -> Mapping[str, str]:
        """Sample → patient, as far as anybody knows."""
        return ChainMap(*map(dict, self.sources))

    def fold(self, fold: Fold) -> FoldData:
        """Return a fold with its samples read.

        Raises:
            DataError: a sample that cannot be read, or a patient on both sides.
        """
        title = f"{self.task.name} fold {fold.number}"
        require_apart(fold, self.sources, title)
        try:
            train, test = self._spots(fold.train), self._spots(fold.test)
        except DataError as error:
            raise DataError(f"{title} did not run: {error}") from error
        columns = gene_map(fold.genes, self.task.genes)
        train, test = (
            [replace(spots, expression=spots.expression[:, columns]) for spots in side] for side in (train, test)
        )
        return FoldData(self.task.name, fold.number, fold.genes, train, test)

    def places(self, fold: FoldData) -> Places:
        """Return where a fold's test spots lie, and whose they are as far as that is known."""
        words = [(self.patients.get(spots.name, ""), spots.name) for spots in fold.test]
        patients, sections = np.repeat(words, [len(spots) for spots in fold.test], axis=0).T
        return Places(patients, sections, np.concatenate([spots.patches.coords for spots in fold.test]))

    def _spots(self, samples: Sequence[BenchSample]) -> list[Spots]:
        found = []
        for sample in samples:
            if sample.name not in self._read:
                self._read[sample.name] = self._open(sample)
            spots = self._read[sample.name]
            if isinstance(spots, DataError):
                raise spots
            found.append(spots)
        return found

    def _open(self, sample: BenchSample) -> Spots | DataError:
        try:
            patches = PatchFile.open(sample.patches)
            expression = read_expression(sample, self.task.genes, patches.rows)
        except DataError as error:
            return error
        return Spots(sample.name, self.patients.get(sample.name, sample.name), patches, expression, sample)


def training_spots(folders: Iterable[Path]) -> Iterator[int]:
    """Yield how many training spots each fold of some tasks has; one that cannot be read says so when it runs."""
    for folder in folders:
        counts: dict[Path, int] = {}
        with contextlib.suppress(DataError):
            for fold in read_task(folder).folds:
                with contextlib.suppress(DataError):
                    for sample in fold.train:
                        if sample.patches not in counts:
                            counts[sample.patches] = len(PatchFile.open(sample.patches))
                    yield sum(counts[sample.patches] for sample in fold.train)
