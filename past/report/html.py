"""`report.html`: one file, readable without a network, made of blocks that others drew."""

from pathlib import Path

import pandas as pd

from past.base.files import write_atomically
from past.base.runs import Run
from past.base.text.address import shown
from past.base.text.reading import read_text
from past.report.blocks import Block, page, picture
from past.report.plots import training_curves


def write_page(folder: Path, title: str, blocks: list[Block]) -> Path:
    """Write `<folder>/report.html` and return its path."""
    target = folder / "report.html"
    write_atomically(target, page(title, f"{len(blocks)} parts", blocks))
    return target


def training_blocks(run: Run) -> list[Block]:
    """Return a training's curves; nothing where it has none."""
    path = run.directory / "metrics.csv"
    if not path.is_file():
        return []
    return [Block("Training", image=picture(training_curves(pd.read_csv(path))))]


def configuration_blocks(run: Run) -> list[Block]:
    """Return a training's configuration; nothing where it has none."""
    if not run.config.is_file():
        return []
    return [Block("Configuration", code=shown(read_text(run.config, "give the directory of a run")))]
