"""Result rows as a table on the screen."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from past.base.text.words import on_screen


def show(rows: Sequence[Mapping[str, object]], console: Console | None = None) -> None:
    """Print rows as a table; numbers with three digits, `None` as a dash."""
    table = Table(box=None, header_style="bold", padding=(0, 1))
    columns = list(dict.fromkeys(name for row in rows for name in row))
    for name in columns:
        numeric = all(isinstance(row.get(name), int | float | None) for row in rows)
        heading = Text("\n").join(map(on_screen, name.split("/")))
        table.add_column(heading, justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(on_screen(_cell(row.get(name))) for name in columns))
    (console or Console()).print(table)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() and abs(value) > 1 else f"{value:.3f}"
    return str(value)
