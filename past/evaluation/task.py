"""What a task is: all that `evaluate.py` knows of one.

Its page is the `page.py` beside it, which offers `blocks(results: Path) -> list[Block]` (see `past.report.blocks`):
what is drawn of its files in a folder of results, an empty list where they are missing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from past.base.runs import Run
from past.evaluation.results import Results

Row = dict[str, Any]  # of a table of scores: column → value


class Door(Protocol):
    """What a task may ask of the configuration's side; `past.config` is one."""

    def load(self, path: Path) -> dict[str, Any]:
        """Read a run's resolved configuration: plain values, of which nothing is built yet."""
        ...

    def build(self, node: Mapping[str, Any], path: str, **filled: Any) -> Any:
        """Build the object that a node's `_target_` names; `path` names the node in messages."""
        ...


class Opened(Protocol):
    """What a task judges, ready."""

    @property
    def run(self) -> Run:
        """Whose folder takes the results, unless `results_dir=` names another."""
        ...


GivenT = TypeVar("GivenT", bound=Opened)


class Task(Protocol[GivenT]):
    """What `conf/task/<name>.yaml` names: opens what it judges, says what the numbers depend on, makes them.

    Attributes:
        name: of the task; its summary is `<name>.json`.
    """

    name: str

    def open(self, config: Mapping[str, Any], door: Door) -> GivenT:
        """Open what is judged.

        Args:
            config: the resolved configuration, plain values.
            door: builds objects from parts of it.
        """
        ...

    def origin(self, given: GivenT) -> Mapping[str, object]:
        """Return the facts that the numbers depend on, what a reader recognises first; see `Results`."""
        ...

    def __call__(self, given: GivenT, results: Results) -> Sequence[Row]:
        """Judge, write `results`, and return the rows that the screen shows."""
        ...
