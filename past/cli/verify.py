"""`past verify`: is every byte of a set of shards what its index says?"""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from past.base.errors import DataError
from past.cli.options import ShardsFolder
from past.cli.screen import show_sections


def verify(
    folder: ShardsFolder,
    as_json: Annotated[bool, typer.Option("--json", help="Print what is there as JSON on stdout.")] = False,
    sample: Annotated[float, typer.Option(help="Share of the samples to read; below 1 no hashes are checked.")] = 1.0,
    workers: Annotated[int | None, typer.Option(help="Processes; else one a core.")] = None,
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
        raise DataError(*faults)
    if as_json:
        print(json.dumps(reading.summary(index)))
    else:
        show_sections(index)
