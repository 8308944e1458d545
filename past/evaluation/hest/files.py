"""What a run of the benchmark leaves on disk; nothing in it tells when or how often it was run."""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from past.base.files import atomic_file, write_atomically
from past.evaluation.hest.library_files import write_library_files
from past.evaluation.hest.spots import FoldData
from past.evaluation.hest.summary import AS_THEY_ARE, Row, score_rows, tidy
from past.evaluation.results import SUMMARY
from past.evaluation.statistics.comparison import compare_all, count_wins
from past.evaluation.statistics.scores import TaskResult

log = logging.getLogger(__name__)
SCREEN = {
    "task": "task",
    "encoder": "encoder",
    "images": "images",
    "folds": "folds",
    "pearson_mean_without_nan": "r",
    "low": "low",
    "high": "high",
    "share_above_0.2": "> 0.2",
    "share_above_0.4": "> 0.4",
}


@dataclass(frozen=True)
class Failure:
    """What did not run, and why; `fold` and `encoder` are None where the whole task did not."""

    task: str
    fold: int | None
    encoder: str | None
    reason: str


@dataclass
class Run:
    """A run as it grows.

    Attributes:
        origin: what it is made from: the protocol, the root, the tasks, and each encoder's preset and fingerprint.
        about: settings and versions.
        results: (what was done to the tiles, result) of every encoder and task.
        failures: what did not run.
        exposure: encoder → fold → names of test patients or their siblings that it was trained on; None: not recorded.
        patients: fold → whether anybody says whose its test samples are.
        folds: task → how many folds it has, run or not.
    """

    origin: Mapping[str, Any]
    about: Mapping[str, object]
    results: list[tuple[str, TaskResult]] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    exposure: dict[str, dict[str, list[str] | None]] = field(default_factory=dict)
    patients: dict[str, bool] = field(default_factory=dict)
    folds: dict[str, int] = field(default_factory=dict)

    def fail(self, failure: Failure) -> None:
        """Note what did not run, and say so; the same is noted once, the same sentence said once."""
        if failure in self.failures:  # on the second kind of images
            return
        if failure.reason not in {known.reason for known in self.failures}:
            log.warning("%s", failure.reason)
        self.failures.append(failure)


def write_predictions(folder: Path, fold: FoldData, truth: np.ndarray, predicted: np.ndarray) -> None:
    """Write `split<k>/predictions.parquet`: each test spot's sample, barcode, place, and both values of every gene.

    Args:
        folder: of the encoder's results on the task.
        fold: whose test spots they are.
        truth: (m, g).
        predicted: (m, g).
    """
    place = np.concatenate([spots.patches.coords for spots in fold.test])
    columns: dict[str, object] = {
        "sample": np.concatenate([np.repeat(spots.name, len(spots)) for spots in fold.test]),
        "barcode": np.concatenate([spots.patches.barcodes for spots in fold.test]),
        "x": place[:, 0],
        "y": place[:, 1],
    }
    for kind, values in (("truth", truth), ("predicted", predicted)):
        columns |= {f"{kind}:{gene}": values[:, i].astype(np.float32) for i, gene in enumerate(fold.genes)}
    with atomic_file(folder / f"split{fold.number}" / "predictions.parquet") as file:
        pd.DataFrame(columns).to_parquet(file, index=False)


def write_run(folder: Path, run: Run) -> list[Row]:
    """Write the library's files, `hest_bench.csv` and `.parquet` (a row a gene and fold), `paired.csv` and the summary.

    Returns:
        The scores as the screen shows them.
    """
    variants = {images: [result for kind, result in run.results if kind == images] for images, _ in run.results}
    own = variants.get(AS_THEY_ARE, [])
    by_task = {task: [result for result in own if result.task == task] for task in dict.fromkeys(r.task for r in own)}
    write_library_files(folder, by_task)
    table = tidy(run.origin["protocol"], run.results)
    write_atomically(folder / "hest_bench.csv", table.to_csv(index=False, lineterminator="\n"))
    with atomic_file(folder / "hest_bench.parquet") as file:
        table.to_parquet(file, index=False)
    paired = compare_all(own)
    if paired:
        write_atomically(folder / "paired.csv", pd.DataFrame(paired).to_csv(index=False, lineterminator="\n"))
    rows = [row for images, results in variants.items() for row in score_rows(images, results)]
    content = {
        "task": "hest_bench",
        **run.origin,
        **run.about,
        "rows": rows,
        "paired": count_wins(paired),
        "folds": run.folds,
        "trained_on_test_patients": run.exposure,
        "test_patients_known": run.patients,
        "failures": [asdict(failure) for failure in run.failures],
    }
    write_atomically(folder / SUMMARY, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return [{short: row[name] for name, short in SCREEN.items()} for row in rows]
