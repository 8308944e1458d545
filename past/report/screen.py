"""Result rows as a table on the screen."""

from collections.abc import Mapping, Sequence
from itertools import takewhile

from rich.console import Console
from rich.table import Table
from rich.text import Text

from past.base.text.words import on_screen

Rows = Sequence[Mapping[str, object]]


def show(rows: Rows, console: Console | None = None) -> None:
    """Print rows as a table; numbers with three digits, `None` as a dash.

    A table that is wider than the screen goes on below, its first columns of words repeated, as pandas does: no number
    is cut. A file or a pipe gets it whole.
    """
    console = console or Console()
    columns = list(dict.fromkeys(name for row in rows for name in row))
    names = list(takewhile(lambda name: not _numeric(rows, name), columns))
    rest = columns[len(names) :]
    screen = console.width
    while True:
        fitting = len(rest)
        while fitting > 1 and console.is_terminal and _width(rows, names + rest[:fitting], console) > screen:
            fitting -= 1
        part = names + rest[:fitting]
        console.width = max(screen, _width(rows, part, console))  # what fits nowhere, the terminal wraps
        console.print(_table(rows, part))
        rest = rest[fitting:]
        if not rest:
            break
        console.print()


def _table(rows: Rows, columns: Sequence[str]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for name in columns:
        heading = Text("\n").join(map(on_screen, name.split("/")))
        table.add_column(heading, justify="right" if _numeric(rows, name) else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(on_screen(_cell(row.get(name))) for name in columns))
    return table


def _width(rows: Rows, columns: Sequence[str], console: Console) -> int:
    wide = console.options.update(width=100_000)
    return console.measure(_table(rows, columns), options=wide).maximum


def _numeric(rows: Rows, name: str) -> bool:
    return all(isinstance(row.get(name), int | float | None) for row in rows)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) > 1 else f"{value:.3f}"
    return str(value)
