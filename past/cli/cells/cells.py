"""`past cells`: what each cell of a slide expresses and is."""

from pathlib import Path
from typing import Annotated

import typer

from past.base.files import require_free
from past.cli.cells.ihc import NucleiOptions
from past.cli.options import takes_groups
from past.cli.screen import say


@takes_groups
def cells(
    slide: Annotated[Path, typer.Argument(help="An H&E slide.")],
    run: Annotated[Path, typer.Option(help="A trained PAST: its run, .ckpt or imported folder.")],
    bank: Annotated[Path, typer.Option(help="Training cells: a directory of cell shards, or what --keep made.")],
    out: Annotated[Path, typer.Option(help="The .h5ad to write.")],
    options: NucleiOptions,
    genes: Annotated[str | None, typer.Option(help="Names parted by commas; else the bank's most variable.")] = None,
    patient: Annotated[
        str | None, typer.Option(help="Whose slide it is: a bank that holds their cells is refused.")
    ] = None,
    bank_patients: Annotated[
        str | None, typer.Option(help="Of the shards, whose cells to take; else those the model was trained on.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Folder to make: bank and head, for the next slide's --bank.")
    ] = None,
    outlines: Annotated[Path | None, typer.Option(help="A .geojson to write: the nuclei with their types.")] = None,
    mpp: Annotated[float | None, typer.Option(help="µm/px, in place of what the file says.")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; else a GPU where there is one.")] = None,
) -> None:
    """Expression and type of every cell of a slide, by training cells that look alike and by a head on the image tower.

    Each cell says how far its neighbours in the bank disagree and how near the nearest is; cells unlike all training
    cells are marked. var holds each gene's r on held-out training patients.

    Example: past cells slide.svs --run runs/past/R --bank data/train --nuclei cells.geojson --out cells.h5ad
    """
    from dataclasses import replace

    from past.base.h5ad import new_h5ad
    from past.cells.geojson import write_geojson
    from past.cells.predict import predicted, predictor_of
    from past.models.past.cells.predictor import save_predictor
    from past.models.past.tower import trained_past
    from past.slides.slide import open_slide

    for path in filter(None, (out, keep, outlines)):
        require_free(path)
    opened = open_slide(slide, mpp)
    saved = trained_past(run, device)
    names, patients = (_words(text) for text in (genes, bank_patients))
    predictor = predictor_of(saved, bank, names, patients)
    predictor.bank.require_apart([patient] if patient else [])
    if keep:
        save_predictor(keep, predictor)
    nuclei = options.of(opened)
    table = predicted(saved, predictor, opened, nuclei)
    with new_h5ad(out, table):
        pass
    if outlines:
        kinds = tuple(map(str, table.obs["cell_type"])) if "cell_type" in table.obs else nuclei.types
        write_geojson(outlines, replace(nuclei, types=kinds))
    r = float(predictor.genes["held_out_r_mixture"].mean())
    say(
        f"{out}: {table.n_obs:,} cells × {table.n_vars:,} genes; mean r of a gene on training patients left out "
        f"{r:.2f}; {int(table.obs['unlike_training'].sum()):,} cells unlike all training cells"
    )


def _words(text: str | None) -> list[str] | None:
    return [name.strip() for name in text.split(",") if name.strip()] if text else None
