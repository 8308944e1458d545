"""`past verify`: is every byte of a set of shards what its index says?"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from past.base.errors import DataError
from past.cli.shards import tell

if TYPE_CHECKING:
    from past.data.shards.index import ShardIndex


def verify(
    folder: Annotated[Path, typer.Argument(help="Directory of the shards.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what is there as JSON on stdout.")] = False,
    sample: Annotated[float, typer.Option(help="Share of the samples to read; below 1 no hashes are checked.")] = 1.0,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes; else one a core."),
    ] = None,
) -> None:
    """Read every byte of a set of shards, and say what is there or what is wrong.

    Example: past verify data/her2st
    """
    from past.data.shards import verify as reading
    from past.data.shards.index import ShardIndex

    index = ShardIndex.read(folder)
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("shards", total=len(index.shards))
        faults = reading.verify(index, sample=sample, workers=workers, report=lambda: bar.advance(task))
    if faults:
        raise DataError("\n".join(faults))
    if as_json:
        print(json.dumps(reading.summary(index)))
    else:
        _table(index)


def _table(index: "ShardIndex") -> None:
    from past.data.shards.slide_format import unit

    table = Table("section", "patient", "organ", "technology", unit(index.settings), "shards", "MB")
    for name, facts in index.sections.items():
        own = [shard for shard in index.shards if shard.section == name]
        words = [str(facts.get(word, "")) for word in ("patient", "organ", "technology")]
        size = sum(shard.bytes for shard in own) / 1e6
        table.add_row(name, *words, f"{sum(shard.samples for shard in own):,}", str(len(own)), f"{size:,.1f}")
    Console().print(table)
    tell(index)
