"""`report.html`: one file, readable without a network, made of blocks that others drew."""

from pathlib import Path

from past.base.files import write_atomically
from past.base.runs import Run
from past.base.text.address import shown
from past.base.text.reading import read_text
from past.base.text.tables import read_frame
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
    return [Block("Training", image=picture(training_curves(read_frame(path, "give the directory of a run"))))]


def configuration_blocks(run: Run) -> list[Block]:
    """Return a training's configuration, and those of before where it went on with another; nothing: it has none."""
    former = sorted(run.directory.glob(run.config_until("*").name))
    files = {"Configuration": run.config} | {f"Configuration, {path.stem.partition('.')[2]}": path for path in former}
    there = {title: path for title, path in files.items() if path.is_file()}
    return [Block(title, code=shown(read_text(path, "give the directory of a run"))) for title, path in there.items()]
