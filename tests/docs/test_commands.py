"""Every command of README and documentation runs as it is printed, but for those that say what they need."""

import os
import re
import runpy
import shlex
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import anndata
import pytest
from forked import forking

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = (
    "README.md",
    *(
        f"docs/{name}.md"
        for name in ("train_past", "train_stpath", "benchmark", "slides", "cells", "survival", "cluster")
    ),
)
BLOCK = re.compile(r"(?:<!-- needs: (?P<needs>.+?) -->\n)?^```sh\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("install", "concepts", "formats", "troubleshooting", "extend", "index", "api", "changelog", "gpu")


def commands(page: str) -> Iterator[str]:
    """Yield the lines of a page's shell blocks that need nothing, without comments, continued lines as one."""
    for block in BLOCK.finditer((REPOSITORY / page).read_text()):
        if block["needs"] is None:
            yield from (line.split("  #")[0].strip() for line in block["content"].replace("\\\n", " ").splitlines())


def run(words: list[str], folder: Path, said: Path) -> None:
    """Do what the shell does with a command, in a process that has the libraries already."""
    os.chdir(folder)
    sys.argv = words
    with said.open("w") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    if words[0] == "past":
        import past_pathology

        past_pathology.main()
    else:
        runpy.run_path(str(REPOSITORY / words[0]), run_name="__main__")


def expanded(command: str, folder: Path) -> list[str]:
    """Return a command's words, with the files that a pattern names; python is left out."""
    words: list[str] = []
    for word in shlex.split(command):
        found = sorted(str(path.relative_to(folder)) for path in folder.glob(word)) if "*" in word else []
        words += found or [word]
    return words[1:] if words[0] == "python" else words


def run_whole(command: str, folder: Path) -> None:
    """Run a command to its end, which is a good one."""
    said = folder / "said.txt"
    start = time.monotonic()
    process = forking().Process(target=run, args=(expanded(command, folder), folder, said))
    process.start()
    process.join()
    print(f"{time.monotonic() - start:.0f} s: {command}")
    assert process.exitcode == 0, f"{command}\n{said.read_text()}"


def write_sections(folder: Path) -> list[str]:
    """Make four sections of two patients; returns the commands that did."""
    (folder / "sections").mkdir()
    ran = []
    for number in range(4):
        path = folder / "sections" / f"S{number}.h5ad"
        ran.append(
            f"past synthetic-slide --across 1 --down 1 --cells 50 --seed {number} --out sections/{path.stem}.tiff"
        )
        run_whole(ran[-1], folder)
        section = anndata.read_h5ad(path)
        section.uns["meta"]["patient"] = f"P{number % 2}"
        section.write_h5ad(path)
    return ran


@pytest.mark.slow
def test_every_command_runs_as_printed(tmp_path: Path) -> None:
    for needed in ("tifffile", "lazyslide"):
        pytest.importorskip(needed, reason="the extra 'wsi' is not installed")
    ran = write_sections(tmp_path)
    for page in PAGES:
        for command in commands(page):
            if command not in ran and not command.startswith("pip install"):
                ran.append(command)
                run_whole(command, tmp_path)
    assert len(ran) > 20
    for made in ("runs/mine/first/report.html", "runs/spots/first/report.html", "A.html", "features/summary.csv"):
        assert (tmp_path / made).is_file(), made


def test_no_page_is_forgotten() -> None:
    there = {path.stem for path in (REPOSITORY / "docs").glob("*.md")}
    assert there == {Path(page).stem for page in PAGES[1:]} | set(ELSEWHERE)
