"""`past bench-from`: sections of your own as a benchmark task."""

from pathlib import Path
from typing import Annotated

import typer

from past.cli.options import ImageMpp, Images, in_order
from past.cli.screen import say

bench = typer.Typer(no_args_is_help=True, help="Turn tissue sections into a task in HEST-Bench's layout.")


@bench.callback()
def _group() -> None:
    """Keep `anndata` a command of its own, also while it is the only one."""


@bench.command("anndata")
def bench_from_anndata(
    sections: Annotated[list[Path], typer.Argument(help="The sections' .h5ad files.")],
    task: Annotated[str, typer.Option(help="The task's name: a folder in --out.")],
    out: Annotated[Path, typer.Option(help="Folder of the tasks; an existing task is never touched.")],
    image: Images = None,
    image_mpp: ImageMpp = None,
    genes: Annotated[int, typer.Option(help="How many genes are scored.")] = 50,
    genes_on_all: Annotated[
        bool,
        typer.Option("--genes-on-all", help="Choose them on all patients, as the library does, not on each fold's."),
    ] = False,
) -> None:
    """Sections as AnnData beside an H&E image, one patient left out a fold.

    Example: past bench-from anndata als/*.h5ad --task ALS --out bench
    """
    from past.data.sources.anndata import AnnDataSource
    from past.data.sources.platform import SectionOptions
    from past.evaluation.hest.make import make_task

    pictures = in_order("--image", image, sections)
    folds = make_task(
        [
            AnnDataSource(path, SectionOptions(picture, image_mpp))
            for path, picture in zip(sections, pictures, strict=True)
        ],
        out / task,
        genes=genes,
        genes_on="all" if genes_on_all else "train",
        report=lambda section: say(f"cutting {section}"),
    )
    say(f"{out / task}: {len(sections)} sections, {len(folds)} folds: without {', then '.join(folds)}")
