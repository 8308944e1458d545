"""`past report`: what runs' directories hold, as pages."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[list[Path], typer.Argument(help="Directories of runs: <output_root>/<name>/<run_id>.")],
) -> None:
    """Draw each run's curves, tables and figures into its `report.html`, readable without a network.

    Several runs are compared besides, in `sweep.html` in the folder that they share.

    past report runs/demo/demo
    past report runs/mine/*
    """
    from past.report.html import write_report
    from past.report.sweep import write_sweep

    given = [run.resolve() for run in runs if run.name != "sweep.html"]  # an earlier page, among runs/mine/*
    for run in given:
        typer.echo(f"open {write_report(run)}")
    if len(given) > 1:
        typer.echo(f"open {write_sweep(given)}")
