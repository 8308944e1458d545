"""`past report`: what a run's directory holds, as one page."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[list[Path], typer.Argument(help="Directories of runs: <output_root>/<name>/<run_id>.")],
) -> None:
    """Draw each run's curves, tables and figures into its `report.html`, readable without a network.

    past report runs/demo/demo
    """
    from past.report.html import write_report

    for run in runs:
        typer.echo(f"open {write_report(run.resolve())}")
