"""`past synthetic-slide`: a whole slide to try the road of whole slides on."""

from pathlib import Path
from typing import Annotated

import typer

from past.base.errors import ConfigError
from past.base.files import require_free
from past.cli.screen import say


def synthetic_slide(
    out: Annotated[Path, typer.Option(help="The .tiff to write; its cells lie beside it as .h5ad.")],
    across: Annotated[int, typer.Option(help="Cores of tissue in a row, 0.77 mm from one to the next.")] = 8,
    down: Annotated[int, typer.Option(help="Rows of them.")] = 3,
    cells: Annotated[int, typer.Option(help="Recorded cells of each core; its size follows.")] = 150,
    seed: Annotated[int, typer.Option(help="0 is that of the synthetic shards: their first patient's tissue.")] = 1,
) -> None:
    """Make a simulated whole slide in H&E at 0.5 µm/px, and the counts of its cells, for a first try and for tests.

    Example: past synthetic-slide --out data/slide.tiff
    """
    from past.data.sources.synthetic.slide import make_slide, write_slide

    if min(across, down, cells) < 1:
        raise ConfigError("--across, --down and --cells must be 1 or more")
    if out.suffix not in (".tif", ".tiff"):
        raise ConfigError(f"--out {out}: a slide is written as TIFF: give a name that ends in .tiff")
    require_free(out)
    require_free(out.with_suffix(".h5ad"))
    slide = make_slide(across, down, cells, seed)
    beside = write_slide(out, slide)
    width, height = slide.size
    say(f"{out}: {width:,} × {height:,} px, {len(slide.cores)} cores of tissue; the counts of its cells: {beside}")
