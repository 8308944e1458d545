"""The console command `past`: each command turns its arguments into one call."""

import sys

import typer

from past.base.errors import PastError
from past.base.text.address import hold
from past.cli import entry
from past.cli.bench import bench
from past.cli.cells.cells import cells
from past.cli.cells.ihc import ihc
from past.cli.embed import embed
from past.cli.models import exports, imports
from past.cli.plan import plan
from past.cli.predict import predict
from past.cli.report import report
from past.cli.shards import shards
from past.cli.synthetic_slide import synthetic_slide
from past.cli.verify import verify

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they may be secrets
    help="Reading molecules out of histology.",
)
app.add_typer(shards, name="shards")
app.command()(verify)
app.command(context_settings=entry.UNTOUCHED, add_help_option=False)(entry.train)
app.command(context_settings=entry.UNTOUCHED, add_help_option=False)(entry.evaluate)
app.command()(report)
app.command()(synthetic_slide)
app.command()(embed)
app.command()(predict)
app.command()(cells)
app.add_typer(ihc, name="ihc")
app.command()(plan)
app.add_typer(bench, name="bench-from")
app.add_typer(imports, name="import")
app.add_typer(exports, name="export")


def main() -> None:
    """Run the command line; an error that the user can mend is one sentence on stderr and exit code 1."""
    sys.argv[1:] = map(hold, sys.argv[1:])
    try:
        app()
    except PastError as error:
        sys.exit(_sentences(str(error)))
    except OSError as error:
        sys.exit(_sentences(f"{error.filename or 'input/output'}: {error.strerror or error}"))


def _sentences(text: str) -> str:
    return "\n".join(f"past: {line}" for line in text.splitlines())
