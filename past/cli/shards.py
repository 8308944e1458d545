"""`past shards …`: from what the instrument or the download gave to shards; one command a kind of source."""

from typing import Annotated

import typer

from past.base.errors import ConfigError
from past.cli import platforms
from past.cli.options import CellOptions, ShardsFolder, takes_groups
from past.cli.screen import show_totals
from past.cli.slides import slides
from past.cli.writing import write_cells


@takes_groups
def synthetic(
    cells: CellOptions,
    patients: Annotated[int, typer.Option(help="Synthetic patients; each has its own stain and expression.")] = 4,
    sections_per_patient: Annotated[int, typer.Option(help="Sections of each.")] = 1,
    count: Annotated[int, typer.Option("--cells", help="Recorded cells of each section; its area follows.")] = 600,
    seed: Annotated[int, typer.Option(help="Of the whole set: the same seed gives the same bytes.")] = 0,
) -> None:
    """Shards of a simulated tissue in H&E, with known cell types, for a first try and for tests.

    Example: past shards synthetic --out data/synthetic
    """
    from past.data.sources.synthetic.profiles import GENES
    from past.data.sources.synthetic.section import SyntheticSource

    if min(patients, sections_per_patient, count) < 1:
        raise ConfigError("--patients, --sections-per-patient and --cells must be 1 or more")
    sources = [SyntheticSource(p, s, count, seed) for p in range(patients) for s in range(sections_per_patient)]
    write_cells("synthetic", sources, GENES, cells)


def merge(folder: ShardsFolder) -> None:
    """Join the sections that several writers made into one index, and prove that nothing is there twice.

    Example: past shards merge data/hest
    """
    from past.data.shards.merge import merge as merge_sections

    show_totals(merge_sections(folder))


shards = typer.Typer(no_args_is_help=True, help="Turn tissue sections into shards for training.")
for command in (
    *(platforms.anndata, platforms.xenium, platforms.visium, platforms.hest, platforms.spatialdata, platforms.stimage),
    *(synthetic, slides, merge),
):
    shards.command()(command)
