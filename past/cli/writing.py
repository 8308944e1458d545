"""How every command of `past shards` writes: settings of its options, a bar, then a sentence on what is there."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from past.base.errors import DataError
from past.cli.options import CellOptions, PlatformOptions, chosen_sections, mpp_of
from past.cli.screen import say, sections_bar, show_totals

if TYPE_CHECKING:
    from past.data.shards.records import SampleSource
    from past.data.shards.settings import ShardSettings
    from past.data.sources.platform import FileSource
    from past.data.sources.tissue import SectionSource


def write_files(kind: str, sources: "Sequence[FileSource]", files: PlatformOptions, cells: CellOptions) -> None:
    """Write cell shards of a platform's files; without --genes, of all genes that they have."""
    from past.data.sources.platform import genes_of

    write_cells(kind, sources, genes_of(sources, files.genes), cells)


def write_cells(kind: str, sources: "Sequence[SectionSource]", genes: Sequence[str], cells: CellOptions) -> None:
    """Write cell shards, or with --preview draw what would be written."""
    from past.data.shards.settings import ShardSettings

    settings = ShardSettings(
        source=kind,
        px=cells.px,
        mpp=mpp_of(cells.mpp),
        neighbours=cells.neighbours,
        image_format=cells.image_format,
        cells_per_shard=cells.cells_per_shard,
        benchmark="allowed" if cells.allow_benchmark else "refused",
    )
    chosen = chosen_sections(cells.only, [source.name for source in sources])
    if cells.preview:
        draw(cells.out, [source for source in sources if not chosen or source.name in chosen], settings, genes)
    else:
        write_shards(cells.out, sources, settings, genes, chosen, cells.workers)


def write_shards(
    out: Path,
    sources: "Sequence[SampleSource]",
    settings: "ShardSettings",
    genes: Sequence[str],
    only: Sequence[str] | None,
    workers: int = 1,
) -> None:
    """Write a set of shards, `only` these sections of it (None: all), and say what it holds."""
    from past.data.shards.writers import write_set
    from past.evaluation.hest.leakage import refuse_benchmark

    if settings.benchmark == "refused":
        refuse_benchmark([source.name for source in sources])
    with sections_bar(len(only or sources)) as report:
        index = write_set(out, sources, settings, genes, only=only, workers=workers, report=report)
    if index is None:
        say(f"{out}: other sections are still to be written; the last writer makes the index")
    else:
        show_totals(index)


def draw(out: Path, sources: "Sequence[SectionSource]", settings: "ShardSettings", genes: Sequence[str]) -> None:
    """Draw each section and say what seems wrong; go on where one cannot be read, and name it at the end.

    Raises:
        DataError: sections that cannot be read, a line each.
    """
    from past.data.sources.preview import preview

    unread = []
    for source in sources:
        try:
            path, warnings = preview(out, source, settings, genes)
        except DataError as error:
            unread.append(str(error))
            continue
        say(f"{path}: {'something seems wrong' if warnings else 'drawn'}")
        for warning in warnings:
            say(f"warning: {warning}", style="yellow")
    if unread:
        raise DataError(*unread)
