"""`past report`: what runs' directories and predictions hold, as pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from past.base.errors import DataError, PastError


def report(
    runs: Annotated[
        list[Path],
        typer.Argument(help="Directories of runs: <output_root>/<name>/<run_id>; or predictions (.h5ad)."),
    ],
) -> None:
    """Draw each run's curves, tables and figures into its `report.html`, readable without a network.

    Several runs are compared besides, in `sweep.html` in the folder that they share. A prediction's page lies beside
    it: the slide, its tiles, maps of genes over the tissue, and how it was made.

    past report runs/demo/demo
    past report runs/mine/*
    past report pred.h5ad
    """
    from past.report.sweep import has_training, write_sweep

    given = [run.resolve() for run in runs if run.name != "sweep.html"]  # an earlier page, among runs/mine/*
    left_out: list[PastError] = []
    for run in given:
        try:
            typer.echo(f"open {_write_prediction(run) if run.suffix == '.h5ad' else write_run_page(run)}")
        except PastError as error:
            left_out.append(error)
            typer.echo(f"left out: {error}", err=True)
    if len(left_out) == len(given):
        raise left_out[0]
    trained = [run for run in given if run.is_dir() and has_training(run)]
    if len(trained) > 1:
        try:
            typer.echo(f"open {write_sweep(trained)}")
        except DataError as error:  # the pages are there
            typer.echo(f"not compared: {error}", err=True)


def _write_prediction(path: Path) -> Path:
    from past.evaluation.statistics.pearson import gene_pearson
    from past.report.prediction import write_prediction_page

    return write_prediction_page(path, gene_pearson)


def write_run_page(directory: Path) -> Path:
    """Draw what a run's directory holds into `<directory>/report.html` and return its path.

    Raises:
        DataError: nothing to report there.
    """
    from past.base.runs import Run
    from past.evaluation.pages import task_blocks
    from past.report.html import configuration_blocks, training_blocks, write_page

    run = Run(directory.parent.parent, directory.parent.name, directory.name)
    blocks = [*training_blocks(run), *task_blocks(run.results)]
    if not blocks:
        raise DataError(f"{directory}: no metrics.csv and no results there; give the directory of a run")
    title = f"{directory.parent.name} / {directory.name}"
    return write_page(directory, title, [*blocks, *configuration_blocks(run)])
