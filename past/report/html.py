"""`report.html`: one file, readable without a network, made of blocks that others drew."""

from pathlib import Path

from past.base.files import require_own, write_atomically
from past.base.runs import Run
from past.base.text.address import shown
from past.base.text.reading import read_text
from past.report.blocks import MARK, Block, page, picture
from past.report.plots import read_metrics, training_curves


def write_page(folder: Path, title: str, blocks: list[Block]) -> Path:
    """Write `<folder>/report.html` and return its path."""
    return write_over(folder / "report.html", page(title, f"{len(blocks)} parts", blocks))


def write_over(target: Path, content: str) -> Path:
    """Write a page, in the place of an earlier one, and return its path.

    Raises:
        ConfigError: what is there is no page of ours.
    """
    require_own(target, MARK)
    write_atomically(target, content)
    return target


def training_blocks(run: Run) -> list[Block]:
    """Return a training's curves; nothing where it has none."""
    if not (run.directory / "metrics.csv").is_file():
        return []
    return [Block("Training", image=picture(training_curves(read_metrics(run.directory))))]


def configuration_blocks(run: Run) -> list[Block]:
    """Return a training's configuration, and those of before where it went on with another; nothing: it has none."""
    former = sorted(run.directory.glob(run.config_until("*").name))
    files = {"Configuration": run.config} | {f"Configuration, {path.stem.partition('.')[2]}": path for path in former}
    there = {title: path for title, path in files.items() if path.is_file()}
    return [Block(title, code=shown(read_text(path, "give the directory of a run"))) for title, path in there.items()]
