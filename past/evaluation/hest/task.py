"""`task=hest_bench`: expression from frozen features on HEST-Bench's splits, to the library's last digit.

Per encoder and fold: features of every tile → a protocol (see protocols.py) → scores per gene over the pooled test
spots. A task or fold that cannot run is named in one sentence, and the others run.
"""

import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from past.base.errors import ConfigError, DataError, NoSpaceError, PastError, require_number
from past.base.patients import PatientTable, read_patient_table
from past.base.runs import Run
from past.evaluation.hest.encoders import BenchEncoder, exposure, fingerprint, under
from past.evaluation.hest.files import BenchRecord, Failure, write_predictions, write_record
from past.evaluation.hest.layout import fold_numbers, patients_in_files, read_patients, read_task, task_names
from past.evaluation.hest.protocols import Probe
from past.evaluation.hest.spots import TaskData, training_spots
from past.evaluation.hest.summary import AS_THEY_ARE, REMOVED
from past.evaluation.probes.heads import Head
from past.evaluation.probes.ridge import RidgeHead
from past.evaluation.results import Results
from past.evaluation.statistics.scores import FoldResult, Judged, TaskResult
from past.evaluation.task import Door, Row
from past.slides.feature_cache import FeatureCache

METADATA = "HEST_v1_1_0.csv"
PUBLISHED_COMPONENTS = 256
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compared:
    """Encoders of one protocol.

    Attributes:
        run: where their results go.
        encoders: name → encoder.
        presets: name → the configuration that it was built from.
    """

    run: Run
    encoders: Mapping[str, BenchEncoder]
    presets: Mapping[str, object]


class HestBench:
    """Runs encoders over tasks and writes the library's files, one tidy table, and `hest_bench.json`.

    Args:
        root: folder that holds IDC/splits, PRAD/splits, ….
        tasks: those to run, in this order; None: all in `root`.
        head: from principal components to expression; None: the library's ridge.
        components: of the PCA; None: the benchmark's own 256, or as many as every fold and encoder has.
        mean_colour_removed: score a second time on tiles without their section's mean colour.
        metadata: HEST-1k's csv, for patients; None: `<root>/HEST_v1_1_0.csv` where it is there. Without it only the
            siblings that we know by name count as patients of the test side.
        cache: folder of the features.
        batch_size: tiles at a time.
        device: "cpu", "cuda", …; None: a GPU where there is one.
    """

    name = "hest_bench"

    def __init__(
        self,
        root: str | Path,
        cache: str | Path,
        tasks: Sequence[str] | None = None,
        head: Head | None = None,
        components: int | None = None,
        mean_colour_removed: bool = True,
        metadata: str | Path | None = None,
        batch_size: int = 128,
        device: str | None = None,
    ) -> None:
        for key, value in (("components", components), ("batch_size", batch_size)):
            if value is not None:
                require_number(f"task.{key}", value, least=1)
        self.root = Path(root)
        self.tasks = tasks
        self.head = head or RidgeHead()
        self.components = components
        self.cache = FeatureCache(Path(cache), batch_size)
        self.mean_colour_removed = mean_colour_removed
        self.metadata = metadata
        self.device = device

    def open(self, config: Mapping[str, Any], door: Door) -> Compared:
        """Build the image encoders; their results lie in `<output_root>/hest_bench/`.

        Raises:
            ConfigError: no encoders, or of two protocols.
        """
        built, presets = {}, config["encoders"]
        for name, preset in presets.items():
            torch.manual_seed(config["seed"])  # a random one is the same in any company
            built[name] = door.build(preset, f"encoders.{name}")
        encoders = self.compared(built)
        run_id = config["run_id"] or "-".join([re.sub(r"\W+", "_", protocol_of(encoders)), *presets])
        return Compared(Run(config["output_root"], self.name, run_id), encoders, presets)

    def compared(self, built: Mapping[str, object]) -> dict[str, BenchEncoder]:
        """Return encoders as they are compared: image encoders and stored features under the task's head."""
        components = self.components or self._components_of_all(built.values())
        probe = Probe(self.cache, self.head, components)
        return {name: under(probe, encoder, self.device) for name, encoder in built.items()}

    def _components_of_all(self, encoders: Iterable[object]) -> int:
        """Return the most components, up to the benchmark's, that every fold's training side and encoder has."""
        folders = [self.root / name for name in task_names(self.root, self.tasks)]
        widths = [encoder.width for encoder in encoders if isinstance(getattr(encoder, "width", None), int)]  # type: ignore[attr-defined]
        most = min([PUBLISHED_COMPONENTS, *widths, *training_spots(folders)])
        if most < PUBLISHED_COMPONENTS:
            log.info(
                "task.components=%d: the most that every fold and encoder has (the benchmark's own is %d)",
                most, PUBLISHED_COMPONENTS,
            )  # fmt: skip
        return most

    def origin(self, given: Compared) -> dict[str, object]:
        """Return the protocol, the benchmark, the encoders and the settings."""
        names = task_names(self.root, self.tasks)
        folds = sorted({number for name in names for number in fold_numbers(self.root / name)})
        metadata = self._metadata()
        return {
            "protocol": protocol_of(given.encoders),
            "root": str(self.root.resolve()),
            "tasks": list(names),
            "encoders": {
                name: {"preset": given.presets.get(name), "fingerprint": fingerprint(encoder, folds)}
                for name, encoder in given.encoders.items()
            },
            "mean_colour_removed": self.mean_colour_removed,
            "metadata": metadata and str(metadata.resolve()),
        }

    def __call__(self, given: Compared, results: Results) -> list[Row]:
        """Run everything and write `results`; returns the score rows, for the screen.

        Raises:
            ConfigError: encoders of two protocols.
            DataError: nothing could run, or no table at `metadata`.
            NoSpaceError: the disk is full.
        """
        record = BenchRecord(protocol_of(given.encoders))
        table = self._patient_table()
        known = {sample: table.patients[sample] for sample in table.labelled} if table else {}
        for name in task_names(self.root, self.tasks):
            try:
                task = read_task(self.root / name)
                sources = [read_patients(self.root / name), known, patients_in_files(task.samples)]
            except (DataError, OSError) as error:
                record.fail(Failure(name, None, None, str(error)))
                continue
            data = TaskData(task, sources)
            record.folds[name] = len(task.folds)
            scored: list[tuple[str, TaskResult]] = []
            for encoder in given.encoders:
                scored += self._run_task(record, data, encoder, given.encoders[encoder], table, results)
            record.add(scored)
        if not record.results:
            raise DataError(f"nothing could run: {record.failures[0].reason}")
        for failure in record.failures:
            results.fault(failure.reason)
        return write_record(results, record)

    def _metadata(self) -> Path | None:
        """Return HEST-1k's table; only the one that nobody named may be missing."""
        path = Path(self.metadata) if self.metadata else self.root / METADATA
        return path if self.metadata or path.is_file() else None

    def _patient_table(self) -> PatientTable | None:
        path = self._metadata()
        return read_patient_table(path) if path else None

    def _run_task(
        self,
        record: BenchRecord,
        data: TaskData,
        name: str,
        encoder: BenchEncoder,
        table: PatientTable | None,
        results: Results,
    ) -> list[tuple[str, TaskResult]]:
        """Run one encoder over a task's folds, on tiles as they are and without their mean colour."""
        scored = []
        kinds = (
            (AS_THEY_ARE, REMOVED) if self.mean_colour_removed and encoder.takes_recoloured_tiles else (AS_THEY_ARE,)
        )
        for images in kinds:
            done = []
            for fold in data.task.folds:
                try:
                    found = data.fold(fold)
                    predicted = encoder.predictor(fold.number, images == REMOVED).predict(found)
                except NoSpaceError:
                    raise  # the other folds would meet it too
                except (PastError, OSError) as error:
                    record.fail(Failure(data.task.name, fold.number, name, str(error)))
                    continue
                truth = np.concatenate([spots.expression for spots in found.test])
                rows = np.flatnonzero(np.isfinite(predicted).all(axis=1))
                if images == AS_THEY_ARE:
                    write_predictions(results, name, found, truth, predicted)
                    record.patients[found.title] = all(spots.name in data.patients for spots in found.test)
                    record.exposure.setdefault(name, {})[found.title] = exposure(encoder, found, table)
                spots = Judged(truth[rows], predicted[rows], data.places(found).at(rows))
                done.append(FoldResult.of(fold.number, fold.genes, spots, sum(map(len, found.train))))
            if done:
                scored.append((images, TaskResult(data.task.name, name, tuple(done))))
        return scored


def protocol_of(encoders: Mapping[str, BenchEncoder]) -> str:
    """Return what is done with every fold, in words that name the table.

    Raises:
        ConfigError: no encoders, or of two protocols.
    """
    found = {encoder.protocol: name for name, encoder in encoders.items()}
    if len(found) != 1:
        pairs = " and ".join(f"{name} ({protocol})" for protocol, name in found.items())
        raise ConfigError(f"encoder={pairs or 'none'}: a run compares one or more encoders of one protocol")
    return next(iter(found))
