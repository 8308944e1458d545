"""What a run of the benchmark leaves on disk; nothing in it tells when or how often it was run."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from past.evaluation.hest.hest_files import write_hest_files
from past.evaluation.hest.spots import FoldData
from past.evaluation.hest.summary import AS_THEY_ARE, Scored, average_rows, tidy
from past.evaluation.results import Results
from past.evaluation.statistics.comparison import Comparison, compare_all
from past.evaluation.statistics.scores import TaskResult
from past.evaluation.task import Row

log = logging.getLogger(__name__)
SCREEN = {
    "task": "task",
    "encoder": "encoder",
    "images": "images",
    "folds": "folds",
    "pearson_mean_without_nan": "r",
    "low": "low",
    "high": "high",
    "units": "units",
    "resampled": "of",
    "genes": "genes",
}


@dataclass(frozen=True)
class Failure:
    """What did not run, and why; `fold` and `encoder` are None where the whole task did not."""

    task: str
    fold: int | None
    encoder: str | None
    reason: str


@dataclass
class BenchRecord:
    """What became of a benchmark, as it grows.

    Attributes:
        protocol: what was done with every fold.
        results: (what was done to the tiles, result) of every encoder and task, without the spots.
        scored: the same with intervals.
        table: a row a gene, fold, encoder and task.
        paired: every two encoders on every task, on tiles as they are.
        failures: what did not run.
        exposure: encoder → fold → names of test patients or their siblings that it was trained on; None: not recorded.
        patients: fold → whether anybody says whose its test samples are.
        folds: task → how many folds it has, run or not.
    """

    protocol: str
    results: list[tuple[str, TaskResult]] = field(default_factory=list)
    scored: list[Scored] = field(default_factory=list)
    table: list[pd.DataFrame] = field(default_factory=list)
    paired: list[Comparison] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    exposure: dict[str, dict[str, list[str] | None]] = field(default_factory=dict)
    patients: dict[str, bool] = field(default_factory=dict)
    folds: dict[str, int] = field(default_factory=dict)

    def add(self, results: Sequence[tuple[str, TaskResult]]) -> None:
        """Take the results of a task; of their spots only what is said of them is kept."""
        self.table += [tidy(self.protocol, images, result) for images, result in results]
        self.scored += [Scored.of(images, result) for images, result in results]
        self.paired += compare_all([result for images, result in results if images == AS_THEY_ARE])
        self.results += [(images, result.without_spots) for images, result in results]

    def fail(self, failure: Failure) -> None:
        """Note what did not run, and say so; the same is noted once, the same sentence said once."""
        if failure in self.failures:  # on the second kind of images
            return
        if failure.reason not in {known.reason for known in self.failures}:
            log.warning("%s", failure.reason)
        self.failures.append(failure)


def write_predictions(results: Results, encoder: str, fold: FoldData, truth: np.ndarray, predicted: np.ndarray) -> None:
    """Write a fold's `predictions.parquet`: each test spot's sample, barcode, place, and both values of every gene.

    Args:
        results: where to.
        encoder: its name.
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
    name = f"{fold.task}/{encoder}/split{fold.number}/predictions.parquet"
    results.write_parquet(name, pd.DataFrame(columns))


def write_record(results: Results, record: BenchRecord) -> list[Row]:
    """Write the library's files, `hest_bench.csv` and `.parquet` (a row a gene and fold), `paired.csv` and the summary.

    Returns:
        The scores as the screen shows them.
    """
    own = [found for images, found in record.results if images == AS_THEY_ARE]
    by_task = {task: [found for found in own if found.task == task] for task in dict.fromkeys(r.task for r in own)}
    write_hest_files(results, by_task)
    table = pd.concat(record.table, ignore_index=True) if record.table else pd.DataFrame()
    results.write_csv("hest_bench.csv", table)
    results.write_parquet("hest_bench.parquet", table)
    if record.paired:
        results.write_csv("paired.csv", pd.DataFrame([row for found in record.paired for row in found.genes]))
    rows: list[Row] = []
    for images in dict.fromkeys(images for images, _ in record.results):
        scored = [one for one in record.scored if one.row["images"] == images]
        rows += [*(one.row for one in scored), *average_rows(scored)]
    results.write_summary(
        {
            "rows": rows,
            "paired": [found.summary for found in record.paired],
            "folds": record.folds,
            "trained_on_test_patients": record.exposure,
            "test_patients_known": record.patients,
            "failures": [asdict(failure) for failure in record.failures],
        }
    )
    return [{short: row[name] for name, short in SCREEN.items()} for row in rows]
