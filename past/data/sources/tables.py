"""Tables and files in a folder, as instruments leave them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from past.base.errors import DataError, reading
from past.base.foreign.arrays import read_parquet
from past.base.foreign.gzipped import open_bytes
from past.base.joins import Rows, join, row_names

DAMAGED = ("the table is damaged or cut off", "copy it again")


def only_file(folders: Sequence[Path], patterns: Sequence[str], what: str, cure: str) -> Path:
    """Return the one file that matches: the first pattern that finds any, in the first folder.

    What comes from the user in a pattern is escaped (`glob.escape`).

    Raises:
        DataError: none, or several of which we cannot know which is meant.
    """
    for folder in folders:
        for pattern in patterns:
            found = sorted(path for path in folder.glob(pattern) if path.is_file())
            if len(found) > 1:
                names = ", ".join(path.name for path in found[:3])
                raise DataError(f"{folder}: {len(found)} files could be the {what} ({names}): {cure}")
            if found:
                return found[0]
    raise DataError(f"{folders[0]}: no {what} ({_shown(patterns)}) there: {cure}")


def only_picture(folders: Sequence[Path], patterns: Sequence[str], what: str, option: str) -> Path:
    """Return the one picture in the nearest folder that has any; no kind of file goes before another.

    Args:
        folders: the nearest first.
        patterns: of names; what comes from the user in them is escaped.
        what: it is, for the message.
        option: that names it.

    Raises:
        DataError: none, or several of which we cannot know which is meant.
    """
    for folder in folders:
        found = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
        if len(found) > 1:
            names = " and ".join(path.name for path in found[:3])
            raise DataError(f"{folder}: {names} could each be the {what}: give it with {option}")
        if found:
            return found[0]
    raise DataError(f"{folders[0]}: no {what} ({_shown(patterns)}) there: give it with {option}")


def _shown(patterns: Sequence[str]) -> str:
    """Return patterns as people read them: what `glob.escape` put in brackets stands alone."""
    return re.sub(r"\[([*?[])\]", r"\1", " or ".join(patterns))


def read_table(path: Path, columns: Sequence[str], **options: object) -> pd.DataFrame:
    """Read a table (.parquet, or text that pandas reads) and check that the columns are there.

    Raises:
        DataError: damaged, cut off, or without one of the columns.
    """
    if path.suffix == ".parquet":
        table = read_parquet(path, *DAMAGED)
    else:
        with reading(path, *DAMAGED), open_bytes(path) as file:
            table = pd.read_csv(file, **options)  # type: ignore[call-overload]
    missing = [column for column in columns if column not in table]
    if missing:
        raise DataError(f"{path}: no column {', '.join(missing)}; it has {', '.join(map(str, table.columns[:12]))}")
    return table


def read_rows(path: Path, rows: int) -> Iterator[pd.DataFrame]:
    """Yield a text table some rows at a time, its first column the index.

    Raises:
        DataError: missing, damaged or cut off.
    """
    with reading(path, *DAMAGED), open_bytes(path) as file:
        yield from pd.read_csv(file, index_col=0, chunksize=rows)


def numbers_of(table: pd.DataFrame, columns: Sequence[str], path: Path) -> np.ndarray:
    """Return columns of a table as numbers, (rows, columns) float64; DataError where one holds something else."""
    with reading(path, f"its {' or '.join(columns)} holds what is no number", DAMAGED[1]):
        return table[list(columns)].to_numpy(np.float64)


def rows_named(
    table: pd.DataFrame, index: Iterable[object], names: Iterable[object], source: str, where: str
) -> pd.DataFrame:
    """Return the rows of the table, called `index`, in the order of `names`.

    Raises:
        DataError: some are not there, or there twice; it names `source`, whose cells they are, and `where` they were
            looked for.
    """
    cells = row_names(names, source)
    rows = join(Rows(source, cells), Rows(where, row_names(index, where)))
    missing = int((rows < 0).sum())
    if missing:
        raise DataError(f"{source}: {missing} of its {len(rows)} cells are not in {where}: of another run?")
    return table.iloc[rows]
