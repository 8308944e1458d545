"""`metrics.csv` in the run's directory: one row a step, continued when a run resumes."""

from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers.logger import Logger

from past.base.errors import DataError
from past.base.files import write_atomically
from past.base.text.tables import read_words, rows_as_csv


class MetricsCSV(Logger):
    """Writes every logged number to `<directory>/metrics.csv`.

    Rows that an earlier part of the run wrote are kept up to where this part begins; what was logged from there on
    belongs to weights that are not there any more.

    Args:
        directory: the run's directory.
        flush_every: rows between two writes of the file.
    """

    def __init__(self, directory: str, flush_every: int = 50) -> None:
        super().__init__()
        self._path = Path(directory) / "metrics.csv"
        self._flush_every = flush_every
        self._rows: dict[int, dict[str, Any]] = {}
        if self._path.is_file():
            cure = "move it away, and the metrics begin anew"
            rows = read_words(self._path, ["step"], cure, limit=1 << 30)
            try:
                self._rows = {int(row["step"]): {k: v for k, v in row.items() if v} for row in rows}
            except ValueError as error:
                raise DataError(f"{self._path}: no whole number for a step ({error}): {cure}") from error
        self._unsaved, self._begun = 0, False

    @property
    def name(self) -> str:
        """Name that Lightning asks for."""
        return "csv"

    @property
    def version(self) -> str:
        """Version that Lightning asks for: a run has one."""
        return ""

    @property
    @rank_zero_experiment
    def experiment(self) -> "MetricsCSV":
        """The writer itself."""
        return self

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """The run's `config.yaml` holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Merge `metrics` into the row of `step`."""
        own = int(step or 0)
        if not self._begun:
            self._begun, self._rows = True, {step: row for step, row in self._rows.items() if step <= own}
        row = self._rows.setdefault(own, {})
        row.update(metrics)
        self._unsaved += 1
        if self._unsaved >= self._flush_every:
            self.save()

    @rank_zero_only
    def save(self) -> None:
        """Write the whole file, atomically; without a row there is none."""
        if not self._rows:
            return
        names = list(dict.fromkeys(name for row in self._rows.values() for name in row if name != "step"))
        rows = [[step, *map(row.get, names)] for step, row in sorted(self._rows.items())]
        write_atomically(self._path, rows_as_csv(["step", *names], rows))
        self._unsaved = 0

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()
