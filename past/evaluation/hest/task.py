"""`task=hest_bench`: expression from frozen features on HEST-Bench's splits, to the library's last digit.

Per encoder and fold: features of every tile → a protocol (see protocols.py) → scores per gene over the pooled test
spots. A task or fold that cannot run is named in one sentence, and the others run.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from torch import nn

from past.base.errors import ConfigError, DataError, PastError
from past.base.files import remove_abandoned
from past.base.patients import PatientTable, read_patient_table
from past.evaluation.hest.files import Failure, Run, write_predictions, write_run
from past.evaluation.hest.layout import fold_numbers, read_patients, read_task, task_names
from past.evaluation.hest.leakage import of_test_patient
from past.evaluation.hest.protocols import FrozenFeatures, Predictor
from past.evaluation.hest.spots import FoldData, TaskData
from past.evaluation.hest.summary import AS_THEY_ARE, REMOVED, Row
from past.evaluation.probes.heads import Head
from past.evaluation.probes.ridge import RidgeHead
from past.evaluation.results import claim, require_same_origin
from past.evaluation.statistics.genes import bootstrap_pearson, score_genes
from past.evaluation.statistics.scores import FoldResult, TaskResult
from past.models.past.tower import PASTTower
from past.slides.feature_cache import FeatureCache
from past.slides.frozen_encoder import FrozenEncoder
from past.slides.stored_features import StoredFeatures

METADATA = "HEST_v1_1_0.csv"
Encoder = nn.Module | StoredFeatures | PASTTower | Predictor


class HestBench:
    """Runs encoders over tasks and writes the library's files, one tidy table, and `hest_bench.json`.

    Args:
        root: folder that holds IDC/splits, PRAD/splits, ….
        tasks: those to run, in this order; None: all in `root`.
        head: from principal components to expression; None: the library's ridge.
        components: of the PCA.
        resamples: of the test spots, for the intervals.
        seed: of the resamples.
        mean_colour_removed: score a second time on tiles without their section's mean colour.
        metadata: HEST-1k's csv, for patients; None: `<root>/HEST_v1_1_0.csv` where it is there. Without it only the
            siblings that we know by name count as patients of the test side.
        cache: folder of the features.
        batch_size: tiles at a time.
        device: "cpu", "cuda", …; None: a GPU where there is one.
    """

    def __init__(
        self,
        root: str | Path,
        cache: str | Path,
        tasks: Sequence[str] | None = None,
        head: Head | None = None,
        components: int = 256,
        resamples: int = 1000,
        seed: int = 42,
        mean_colour_removed: bool = True,
        metadata: str | Path | None = None,
        batch_size: int = 128,
        device: str | None = None,
    ) -> None:
        for key, value in (("components", components), ("resamples", resamples), ("batch_size", batch_size)):
            if value < 1:
                raise ConfigError(f"task.{key}={value}: give 1 or more")
        self.root = Path(root)
        self.cache = FeatureCache(Path(cache), batch_size)
        self.tasks = tasks
        self.head = head or RidgeHead()
        self.components = components
        self.resamples = resamples
        self.seed = seed
        self.mean_colour_removed = mean_colour_removed
        self.metadata = metadata
        self.device = device

    def __call__(
        self,
        encoders: Mapping[str, Encoder],
        results: Path,
        about: Mapping[str, object],
        presets: Mapping[str, object] | None = None,
    ) -> list[Row]:
        """Run everything and write `results`.

        Args:
            encoders: name → an image encoder, a PAST checkpoint's, stored features, or a model that needs no head.
            results: folder of the result files.
            about: what `hest_bench.json` says of its origin (versions).
            presets: name → the configuration that an encoder was built from.

        Returns:
            The score rows, for the screen.

        Raises:
            ConfigError: encoders of two protocols, or `results` holds what other encoders, tasks or protocols made.
            DataError: nothing could run, or no table at `metadata`.
        """
        protocol = self.protocol(encoders)
        judged = [_Judged(name, self._freeze(encoder)) for name, encoder in encoders.items()]
        names = task_names(self.root, self.tasks)
        origin = self._origin(protocol, names, judged, presets or {})
        require_same_origin(results, origin)
        for folder in (results, *(path for path in results.rglob("*") if path.is_dir())):
            remove_abandoned(folder, "*")  # what an interrupted evaluation was writing
        run = Run(origin, {**about, "resamples": self.resamples, "seed": self.seed})
        table = self._patient_table()
        known = {sample: table.patients[sample] for sample in table.labelled} if table else {}
        for name in names:
            try:
                task = read_task(self.root / name)
                patients = {**known, **read_patients(self.root / name)}
            except DataError as error:
                run.fail(Failure(name, None, None, str(error)))
                continue
            data = TaskData(task, patients)
            run.folds[name] = len(task.folds)
            for encoder in judged:
                self._run_task(run, data, encoder, table, results)
        if not run.results:
            raise DataError(f"nothing could run: {run.failures[0].reason}")
        return write_run(results, run)

    def protocol(self, encoders: Mapping[str, Encoder]) -> str:
        """Return what is done with every fold, in words that name the table.

        Raises:
            ConfigError: no encoders, or of two protocols.
        """
        own = f"{self.head.name}, {self.components} components"
        found = {getattr(encoder, "protocol", own): name for name, encoder in encoders.items()}
        if len(found) != 1:
            pairs = " and ".join(f"{name} ({protocol})" for protocol, name in found.items())
            raise ConfigError(f"encoder={pairs or 'none'}: a run compares one or more encoders of one protocol")
        return next(iter(found))

    def _origin(
        self, protocol: str, names: Sequence[str], judged: "Sequence[_Judged]", presets: Mapping[str, object]
    ) -> dict[str, object]:
        """Return what tells this run's results from another's."""
        folds = sorted({number for name in names for number in fold_numbers(self.root / name)})
        made = {one.name: {"preset": presets.get(one.name), "fingerprint": one.fingerprint(folds)} for one in judged}
        return {"protocol": protocol, "root": str(self.root.resolve()), "tasks": list(names), "encoders": made}

    def _patient_table(self) -> PatientTable | None:
        """Read HEST-1k's patients; only the table that nobody named may be missing."""
        path = Path(self.metadata) if self.metadata else self.root / METADATA
        return read_patient_table(path) if self.metadata or path.is_file() else None

    def _freeze(self, encoder: Encoder) -> "Frozen":
        if isinstance(encoder, nn.Module):
            return FrozenEncoder.of(encoder, self.device)
        return encoder

    def _run_task(self, run: Run, data: TaskData, judged: "_Judged", table: PatientTable | None, results: Path) -> None:
        """Run one encoder over a task's folds, on tiles as they are and without their mean colour."""
        kinds = (AS_THEY_ARE, REMOVED) if self.mean_colour_removed and judged.reads_tiles else (AS_THEY_ARE,)
        for images in kinds:
            done = []
            for fold in data.task.folds:
                try:
                    found = data.fold(fold)
                    predicted = self._predictor(judged.encoder, fold.number, images).predict(found)
                except PastError as error:
                    run.fail(Failure(data.task.name, fold.number, judged.name, str(error)))
                    continue
                truth = np.concatenate([spots.expression for spots in found.test])
                scored = np.isfinite(predicted).all(axis=1)
                if images == AS_THEY_ARE:
                    claim(results, run.origin)
                    write_predictions(results / found.task / judged.name, found, truth, predicted)
                    run.patients[found.title] = all(spots.name in data.patients for spots in found.test)
                    run.exposure.setdefault(judged.name, {})[found.title] = judged.exposure(found, table)
                truth, predicted = truth[scored], predicted[scored]
                draws = bootstrap_pearson(truth, predicted, self.resamples, self.seed)
                scores = score_genes(truth, predicted)
                done.append(FoldResult(fold.number, fold.genes, scores, draws, sum(map(len, found.train)), len(truth)))
            if done:
                run.results.append((images, TaskResult(data.task.name, judged.name, tuple(done))))

    def _predictor(self, encoder: "Frozen", fold: int, images: str) -> Predictor:
        """Return what predicts a fold."""
        if isinstance(encoder, PASTTower):
            encoder = encoder.for_fold(fold)
        if isinstance(encoder, FrozenEncoder | StoredFeatures):
            return FrozenFeatures(encoder, self.cache, self.head, self.components, images == REMOVED)
        return encoder


Frozen = FrozenEncoder | StoredFeatures | PASTTower | Predictor


@dataclass(frozen=True)
class _Judged:
    """An encoder under its name in the tables."""

    name: str
    encoder: Frozen

    @property
    def reads_tiles(self) -> bool:
        """Whether it can see tiles whose colour was changed."""
        return isinstance(self.encoder, FrozenEncoder | PASTTower)

    def fingerprint(self, folds: Sequence[int]) -> object:
        """Return what the encoder's features depend on; by fold where each has its own, None where it has no model."""
        of_fold = getattr(self.encoder, "fingerprint_of", None)
        if of_fold is None:
            return _or_none(lambda: getattr(self.encoder, "fingerprint", None))
        return {f"fold {fold}": _or_none(partial(of_fold, fold)) for fold in folds}

    def exposure(self, fold: FoldData, table: PatientTable | None) -> list[str] | None:
        """Return the sections and patients of the fold's test side that it was trained on; None: not recorded."""
        says = getattr(self.encoder, "trained_on", None)
        trained_on = says(fold.number) if says else None
        if trained_on is None:
            return None
        test = {spots.patient for spots in fold.test}
        test |= {name for spots in fold.test for name in of_test_patient(spots.name, table)}
        return sorted(test & trained_on)


def _or_none(ask: Callable[[], object]) -> object:
    """Return what is asked for, None where there is no model: then its folds will not run, and say why."""
    try:
        return ask()
    except PastError:
        return None
