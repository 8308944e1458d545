"""Pages of results: what every task's `page.py`, found by its name, draws of the files in a folder."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import past.evaluation as tasks
from past.report.blocks import Block
from past.report.html import write_page


def write_results_page(results: Path) -> Path:
    """Draw a folder of results into its `report.html` and return its path."""
    return write_page(results, str(results), task_blocks(results))


def task_blocks(results: Path) -> list[Block]:
    """Return what every task that has a `page.py` draws of the result files in `results`."""
    pages = []
    for folder in (module for module in iter_modules(tasks.__path__, f"{tasks.__name__}.") if module.ispkg):
        inside = import_module(folder.name).__path__
        pages += [f"{folder.name}.page"] if "page" in {module.name for module in iter_modules(inside)} else []
    return [block for page in pages for block in import_module(page).blocks(results)]
