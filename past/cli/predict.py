"""`past predict`: expression of a slide's spots."""

from pathlib import Path
from typing import Annotated

import typer

from past.cli.screen import say


def predict(
    features: Annotated[Path, typer.Option(help="Features of a slide: .h5 (HEST, TRIDENT, CLAM) or .h5ad.")],
    weights: Annotated[Path, typer.Option(help="Directory that 'past import stpath' made, or a run's .ckpt.")],
    out: Annotated[Path, typer.Option(help="The .h5ad to write; an existing one is never touched.")],
    organ: Annotated[str | None, typer.Option(help="STPath's name of the organ; else Others.")] = None,
    technology: Annotated[str | None, typer.Option(help="STPath's name of it; else not told.")] = None,
    genes: Annotated[str | None, typer.Option(help="Names parted by commas; else all.")] = None,
    context: Annotated[
        Path | None,
        typer.Option(help="Measured spots of the slide: .h5ad of raw counts, found by barcode, else by place."),
    ] = None,
    steps: Annotated[int, typer.Option(help="Passes; above 1 the surest predictions are told in the next.")] = 1,
    samples: Annotated[int, typer.Option(help="Above 1: passes under dropout; their spread is layers['std'].")] = 1,
    chunk: Annotated[int | None, typer.Option(help="Query spots at a time; else chosen.")] = None,
    seed: Annotated[int, typer.Option(help="Of dropout.")] = 0,
) -> None:
    """Expression of a slide's spots from their image features, by STPath.

    Example: past predict --features F.h5 --weights models/stpath --organ Breast --genes EPCAM,ERBB2 --out PRED.h5ad
    """
    from past.base.h5ad import read_adata
    from past.models.stpath.predict import load_stpath
    from past.slides.features import read_feature_file

    slide = read_feature_file(features)
    adata = load_stpath(weights).predict(
        slide.features,
        slide.coords,
        organ=organ,
        technology=technology,
        genes=[name.strip() for name in genes.split(",")] if genes else None,
        context=read_adata(context) if context else None,
        steps=steps,
        samples=samples,
        chunk=chunk,
        names=slide.names,
        out=out,
        seed=seed,
    )
    say(f"{out}: {adata.n_obs:,} spots × {adata.n_vars:,} genes, {adata.uns['past']['method']}")
