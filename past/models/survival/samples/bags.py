"""What the survival model makes of patients: a bag of all tiles of a patient's slides, and scores of gene sets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from past.base.errors import ConfigError, DataError, require_number
from past.base.foreign.hdf5 import open_hdf5
from past.base.genes import gene_hash
from past.data.shards.entries import Shard
from past.data.shards.index import ShardIndex
from past.data.shards.reader import Faults, LocalShards, OnError, OpenShard
from past.data.shards.splits import Split
from past.data.stream.datamodule import ModelSamples
from past.data.stream.stream import RawBatch
from past.models.survival.batch import BagBatch, BagStart
from past.models.survival.loss import cut_points, interval_of
from past.models.survival.samples.gene_sets import SetScores, read_gene_sets, set_scores, slide_file
from past.models.survival.samples.patients import (
    Cohort,
    Columns,
    Fold,
    Patient,
    inner_split,
    read_fold,
    read_patients,
    require_events,
)
from past.slides.features import FEATURES, read_feature_file


@dataclass(frozen=True)
class Bag:
    """A patient with all that is there: (T, F) tiles, T = 0 without slides; (S,) scores or None; the interval."""

    patient: Patient
    tiles: np.ndarray
    scores: np.ndarray | None
    interval: int


@dataclass(frozen=True)
class Bags:
    """Reads the bags of patients; what a loader's worker is given.

    Attributes:
        cohort: all patients by name.
        files: patient → feature files of the slides.
        width: of the features; 0: none are read.
        scores: patient → (S,).
        sets: S.
        cuts: (K - 1,) times between intervals.
    """

    cohort: Cohort
    files: dict[str, tuple[Path, ...]]
    width: int
    scores: SetScores
    cuts: np.ndarray

    def read(self, name: str) -> Bag:
        """Read one patient's bag.

        Raises:
            DataError: a features file that is broken, of another width, or not finite.
        """
        patient = self.cohort[name]
        parts = [np.zeros((0, self.width), np.float16), *(self._features(path) for path in self.files.get(name, ()))]
        tiles = np.concatenate(parts[1:] or parts)
        return Bag(patient, tiles, self.scores.of.get(name), int(interval_of(np.array(patient.time), self.cuts)))

    def _features(self, path: Path) -> np.ndarray:
        features = read_feature_file(path).features
        if features.shape[1] != self.width:
            raise DataError(
                f"{path}: features of width {features.shape[1]}, others of {self.width}: give one encoder's"
            )
        if not np.isfinite(features).all():
            raise DataError(f"{path}: features that are not finite: make it again")
        return features if features.dtype == np.float16 else features.astype(np.float32)

    def __call__(self, open_shard: OpenShard, shard: Shard, index: ShardIndex, wanted: np.ndarray) -> "BagReader":
        """Return what gives the one sample of a patient's shard."""
        return BagReader(self, shard.section)

    def batch(self, bags: Sequence[Bag]) -> BagBatch:
        """Lay bags end to end."""
        missing = np.zeros(len(self.scores.sets), np.float32)
        outcome = [(bag.patient.time, bag.patient.event) for bag in bags]
        return BagBatch(
            names=tuple(bag.patient.name for bag in bags),
            tiles=torch.from_numpy(np.concatenate([bag.tiles for bag in bags])),
            lengths=torch.tensor([len(bag.tiles) for bag in bags]),
            gene_sets=torch.from_numpy(np.stack([missing if bag.scores is None else bag.scores for bag in bags])),
            has_gene_sets=torch.tensor([bag.scores is not None for bag in bags]),
            time=torch.tensor([time for time, _ in outcome], dtype=torch.float32),
            event=torch.tensor([event for _, event in outcome]),
            interval=torch.tensor([bag.interval for bag in bags]),
        )

    def batches(self, names: Sequence[str], size: int = 1) -> Iterator[BagBatch]:
        """Yield the bags of patients, `size` at a time, in this order."""
        for start in range(0, len(names), size):
            yield self.batch([self.read(name) for name in names[start : start + size]])


@dataclass(frozen=True)
class BagReader:
    """Gives one patient's bag."""

    bags: Bags
    name: str

    def take(self, sample: int) -> Bag | DataError:
        """Return the bag, or what is wrong with it."""
        try:
            return self.bags.read(self.name)
        except DataError as error:
            return error

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class CollateBags:
    """Makes batches of bags."""

    bags: Bags
    on_error: OnError = "raise"

    def __call__(self, raw: RawBatch, epoch: int) -> tuple[BagBatch, Faults]:
        """Return the batch."""
        if not raw.samples:
            raise DataError(f"batch {raw.number}: none of its bags can be read; the first: {raw.faults.first}")
        return self.bags.batch(raw.samples), raw.faults


@dataclass
class BagSamples(ModelSamples[BagBatch]):
    """Patients of a table, for a `DataModule` whose root is that table; the fold's test side is never trained on.

    Args:
        folds: a table of columns train and val, with {fold} in its name where there are several.
        fold: which of them.
        columns: what the table's columns are called.
        features: folder of the slides' features, `<slide_id>.h5` of `past embed`, TRIDENT or CLAM; None: no image arm.
        gene_sets: table of a column a gene set; None: no molecules.
        expression: table of a row a patient, or the folder of `past predict`'s `<slide_id>.h5ad`.
        intervals: 0: Cox's likelihood; K: that of discrete time, K intervals of equally many training events.
    """

    folds: str
    fold: int = 0
    columns: Columns = field(default_factory=lambda: Columns(event="event"))
    features: str | None = None
    gene_sets: str | None = None
    expression: str | None = None
    intervals: int = 0

    def __post_init__(self) -> None:
        require_number("data.samples.fold", self.fold, least=0)
        require_number("data.samples.intervals", self.intervals, least=0)
        if self.intervals == 1:
            raise ConfigError("data.samples.intervals=1: one interval tells nobody apart; use 0 (Cox), or 2 and more")
        if (self.gene_sets is None) != (self.expression is None):
            raise ConfigError(
                f"data.samples: gene_sets={self.gene_sets} and expression={self.expression}: give both, or neither"
            )
        if self.features is None and self.gene_sets is None:
            raise ConfigError("data.samples: give features, or gene_sets and expression, or all three")

    def open(self, root: str, cache: Path, cache_bytes: int) -> tuple[ShardIndex, OpenShard]:
        """Read the patients' table at `root`; a patient is a shard of one sample."""
        self.cohort = read_patients(Path(root), self.columns)
        shards = tuple(Shard(name, 1, 0, "", name, (name,)) for name in self.present(list(self.cohort)))
        return ShardIndex((), shards, {}, {}, root), LocalShards("")

    def split(self, index: ShardIndex, val: float | Sequence[str], train: Sequence[str] | None, seed: int) -> Split:
        """Part the fold's training side into who trains and who validates; see `inner_split`."""
        side = self.present(self.sides.train)
        require_events(side, self.cohort, f"fold {self.fold}")
        if isinstance(val, float | int):
            learned, held = inner_split(self.cohort, side, float(val), seed)
        else:
            held = tuple(map(str, val))
            learned = tuple(name for name in side if name not in held)
        learned = learned if train is None else tuple(map(str, train))
        for where, names in (("val", held), ("train", learned)):
            for name in names:
                if name not in side:
                    raise DataError(f"data.{where}: {name} is not of fold {self.fold}'s training side, or has no data")
                if name in learned and name in held:
                    raise DataError(f"{name} is named by data.val and by data.train: leave one out")
        return Split(index.select(sections=learned), index.select(sections=held))

    @cached_property
    def sides(self) -> Fold:
        """The fold's two sides, and the sites that cross it."""
        return read_fold(Path(self.folds.replace("{fold}", str(self.fold))), self.cohort)

    def present(self, names: Sequence[str]) -> list[str]:
        """Return those of whom there are slides or gene sets."""
        return [name for name in names if name in self.files or name in self.scores.of]

    @cached_property
    def files(self) -> dict[str, tuple[Path, ...]]:
        """Patient → feature files, of who has any."""
        if self.features is None:
            return {}
        folder = Path(self.features)
        if not folder.is_dir():
            raise DataError(f"data.samples.features={folder}: no such folder: give that of 'past embed --out'")
        found = {
            name: tuple(path for slide in patient.slides if (path := slide_file(folder, slide, ".h5")) is not None)
            for name, patient in self.cohort.items()
        }
        found = {name: paths for name, paths in found.items() if paths}
        if not found:
            raise DataError(f"data.samples.features={folder}: no <slide_id>.h5 of any patient is there")
        return found

    @cached_property
    def scores(self) -> SetScores:
        """Gene sets of who has any."""
        if self.gene_sets is None or self.expression is None:
            return SetScores((), {})
        slides = {name: patient.slides for name, patient in self.cohort.items()}
        return set_scores(Path(self.expression), read_gene_sets(Path(self.gene_sets)), slides)

    @cached_property
    def bags(self) -> Bags:
        """What reads bags."""
        side = [self.cohort[name] for name in self.present(self.sides.train)]
        time, event = np.array([one.time for one in side]), np.array([one.event for one in side])
        cuts = cut_points(time, event, self.intervals) if self.intervals else np.zeros(0)
        return Bags(self.cohort, self.files, self._width, self.scores, cuts)

    @cached_property
    def _width(self) -> int:
        if not self.files:
            return 0
        path = next(iter(self.files.values()))[0]
        with open_hdf5(path) as file:
            shapes = [file[name].shape for name in FEATURES if name in file]  # type: ignore[union-attr]
        return int(shapes[0][-1]) if shapes else read_feature_file(path).features.shape[1]

    @property
    def unit(self) -> str:
        """A sample is a patient."""
        return "patients"

    @property
    def read_shard(self) -> Bags:
        """A patient's shard is read from the feature files."""
        return self.bags

    def collate(self, training: bool, rank: int) -> CollateBags:
        """Return what makes batches; the same for training and validation."""
        return CollateBags(self.bags, self._shards.on_error)

    @property
    def model_sizes(self) -> dict[str, int]:
        """The arms' widths, and an output an interval."""
        outputs = len(self.bags.cuts) + 1 if self.intervals else 1
        return {"features": self._width, "gene_sets": len(self.scores.sets), "outputs": outputs}

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The gene sets."""
        return self.scores.sets

    @property
    def tokenizer_state(self) -> dict[str, object]:
        """The gene sets, and the times between intervals."""
        return {
            "vocabulary_hash": gene_hash(self.gene_names),
            "gene_sets": list(self.gene_names),
            "cuts": self.bags.cuts.tolist(),
        }

    @property
    def crops(self) -> dict[str, object]:
        """Nothing is said of images."""
        return {}

    def for_fitting(self) -> BagStart:
        """Return mean and deviation of the training patients' gene sets."""
        names = [shard.section for shard in self._shards.split.train.shards]
        values = np.stack([self.scores.of[name] for name in names if name in self.scores.of]).astype(np.float64)
        return BagStart(*(torch.from_numpy(of).float() for of in (values.mean(axis=0), values.std(axis=0))))
