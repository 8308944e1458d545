"""What commands show while they work, on stderr: stdout is kept for what another program may read."""

import contextlib
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from past.base.text.words import as_typed, on_screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from past.data.shards.index import ShardIndex
    from past.data.shards.write import Report


def say(words: str, style: str | None = None) -> None:
    """Print a line on stderr, as it is: not wrapped, no part of it coloured but by `style`."""
    Console(stderr=True).print(on_screen(words), style=style, soft_wrap=True)


def show_totals(index: "ShardIndex") -> None:
    """Say on stderr how much a set of shards holds."""
    from past.data.shards.slide_format import unit

    say(
        f"{index.root}: {index.samples:,} {unit(index.settings)} of {len(index.sections)} sections of "
        f"{len(index.patients)} patients in {len(index.shards)} shards, {len(index.genes):,} genes"
    )


def show_sections(index: "ShardIndex") -> None:
    """Print a set's sections as a table on stdout, a line each, and its totals."""
    from past.data.shards.slide_format import unit

    table = Table("section", "patient", "organ", "technology", unit(index.settings), "shards", "MB")
    for name, facts in index.sections.items():
        own = [shard for shard in index.shards if shard.section == name]
        words = [str(facts.get(word, "")) for word in ("patient", "organ", "technology")]
        size = sum(shard.bytes for shard in own) / 1e6
        table.add_row(
            *map(on_screen, [name, *words]), f"{sum(shard.samples for shard in own):,}", str(len(own)), f"{size:,.1f}"
        )
    Console().print(table)
    show_totals(index)


@contextlib.contextmanager
def sections_bar(sections: int) -> "Iterator[Report]":
    """Show a bar of sections, a section in the making as a part of one; yield what to call as the writing goes on."""
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    done: dict[str, float] = {}
    with bar:
        task = bar.add_task("sections", total=sections)

        def report(section: str, cells: int, of: int) -> None:
            done[section] = cells / of
            bar.update(task, completed=sum(done.values()), description=f"{as_typed(section)}: {cells:,} of {of:,}")

        yield report
