"""Tables as CSV: names from data cannot become formulas in a spreadsheet, and come back as they were.

A cell that a spreadsheet would take for a formula (OWASP's list: it begins with = + - @, a tab or a line's end) is
written with a ' before it, unless it is a number. Reading takes that one ' away again.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from past.base.errors import DataError
from past.base.foreign.memory import require_memory
from past.base.text.reading import LIMIT, TIMES, read_text

if TYPE_CHECKING:
    import pandas as pd  # takes a while to import

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r\n]")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")


def inert(cell: Any) -> Any:
    """Return a cell as it is written: a text that would be a formula with a ' before it, anything else as it is."""
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def original(cell: Any) -> Any:
    """Return what `inert` was given."""
    return cell[1:] if isinstance(cell, str) and cell.startswith("'") and _FORMULA.match(cell) else cell


def rows_as_csv(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV text; what is None is empty."""
    lines = _Lines()
    # with this line end a cell is quoted where it holds either of its signs; else its rest would be a row
    csv.writer(lines, lineterminator="\r\n").writerows([*map(inert, row)] for row in (columns, *rows))
    return "".join(line[:-2] + "\n" for line in lines)


def frame_as_csv(frame: "pd.DataFrame", *, index: bool = False) -> str:
    """Return a table as CSV text."""
    head, *rows = csv.reader(io.StringIO(frame.to_csv(index=index, lineterminator="\r\n"), newline=""))
    return rows_as_csv(head, rows)


class _Lines(list[str]):
    write = list.append


def read_cells(path: Path, cure: str, limit: int = LIMIT) -> list[list[str]]:
    """Read a CSV file, a list a line that is not empty; DataError, with the `cure`, where it is none."""
    try:
        lines = csv.reader(io.StringIO(read_text(path, cure, limit), newline=""))
        return [[original(cell) for cell in row] for row in lines if row]
    except csv.Error as error:
        raise DataError(f"{path}: not a table ({error}): {cure}") from error


def read_words(path: Path, columns: Sequence[str], cure: str, limit: int = LIMIT) -> list[dict[str, str]]:
    """Read a CSV file of words, whose first line names its columns; what a line lacks is empty.

    Raises:
        DataError: missing, no table, or without one of `columns`, or without rows.
    """
    head, *rows = read_cells(path, cure, limit) or [[]]
    absent = [column for column in columns if column not in head]
    if absent:
        raise DataError(f"{path}: no column {', '.join(absent)}: {cure}")
    if not rows:
        raise DataError(f"{path}: no rows: {cure}")
    return [dict(zip(head, [*row, *[""] * (len(head) - len(row))], strict=False)) for row in rows]


def read_frame(path: Path, cure: str) -> "pd.DataFrame":
    """Read a CSV file whose first line names its columns, numbers as numbers; DataError where it is none."""
    import pandas as pd

    if path.is_file():
        require_memory(TIMES * path.stat().st_size, f"{path}: what it holds", cure)
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:  # a parser's error and wrong UTF-8 are ValueErrors
        raise DataError(f"{path}: not a table ({' '.join(str(error).split()):.80}): {cure}") from error
    for i, kind in enumerate(frame.dtypes):
        if kind.kind not in "biufcmM":
            frame.isetitem(i, frame.iloc[:, i].map(original))
    return frame.rename(columns=original)
