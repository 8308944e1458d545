"""Break the code on purpose and see whether the tests notice: `make mutants`.

A mutant is the package with one small fault (`faults.py` says which). Some are drawn at random; each meets the tests
of its module (the file of its name) in a copy of the tree. Tests that fail, or do not end, have noticed it. At the end
stand a table by room and the mutants that survived, a line each. Exits with 1 where fewer than 90 % are noticed.
"""

import argparse
import contextlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import pytest
from faults import Mutant, mutants
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
SEED, NUMBER, ENOUGH = 0, 300, 0.9
NOT_COPIED = {".git", ".venv", "build", "data", "demo", "multirun", "runs", "wandb"}  # at the root
# Imported once, where the package names them: every run of the tests is a fork of the process that did.
HEAVY = ["torchvision", "lightning.pytorch", "timm", "torchmetrics", "scanpy", "hydra"]
HEAVY += ["sklearn.linear_model", "webdataset"]


def tests_of(file: str, tree: Path) -> list[str]:
    """Where the tests of a module are: the file of its name, else its folder's."""
    path = Path(file).relative_to("past")
    folder = Path("tests/unit", path.parent)
    own = folder / f"test_{path.parent.name if path.name == '__init__.py' else path.stem}.py"
    found = [own] if (tree / own).is_file() else [folder / each.name for each in (tree / folder).glob("test_*.py")]
    return [*map(str, found), *(["tests/config"] if file == "past/config.py" else [])]


def run_tests(tree: Path, tests: list[str], spoilt: bool) -> None:
    """Run tests in this process, which leads a group of its own, and end with pytest's code."""
    os.setsid()
    os.chdir(tree)
    with open("output", "wb") as output:
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    sys.dont_write_bytecode = spoilt
    sys.path[:0] = [str(tree), str(tree / "tests" / "support")]
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path[:2])
    sys.exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])))


def noticed(tree: Path, tests: list[str], limit: float | None, spoilt: bool = True) -> bool:
    """Whether tests fail, or do not end within `limit` seconds."""
    process = multiprocessing.get_context("forkserver").Process(target=run_tests, args=(tree, tests, spoilt))
    process.start()
    process.join(limit)
    code = process.exitcode
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid or 0, signal.SIGKILL)  # with whatever the tests started
    process.join()
    return code != 0


def try_module(drawn: list[Mutant], tree: Path) -> Iterator[tuple[Mutant, bool]]:
    """Say of each mutant of one module whether it was noticed."""
    file, start = tree / drawn[0].file, time.monotonic()
    tests = tests_of(drawn[0].file, tree)
    if noticed(tree, tests, None, spoilt=False):
        sys.exit(f"{drawn[0].file}: {tests} fail without any fault:\n{(tree / 'output').read_text()[-3000:]}")
    limit = 30 + 4 * (time.monotonic() - start)
    text, status = file.read_bytes(), file.stat()
    for mutant in drawn:
        file.write_bytes(text[: mutant.start] + mutant.new.encode() + text[mutant.end :])
        yield mutant, noticed(tree, tests, limit)
    file.write_bytes(text)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # by which Python knows what it compiled


def try_all(drawn: list[Mutant], jobs: int) -> list[Mutant]:
    """Return the mutants that nobody noticed, and say each as it is found."""
    modules = [list(own) for _, own in groupby(drawn, key=lambda mutant: mutant.file)]
    survivors: list[Mutant] = []

    def work(place: int) -> None:
        tree = Path(folder, str(place), ROOT.name)
        shutil.copytree(ROOT, tree, ignore=lambda at, _: NOT_COPIED if Path(at) == ROOT else ())
        for own in modules[place::jobs]:
            for mutant, seen in try_module(own, tree):
                bar.advance(task)
                if not seen:
                    survivors.append(mutant)
                    bar.console.print(str(mutant), markup=False, highlight=False, soft_wrap=True)

    with tempfile.TemporaryDirectory() as folder, Progress() as bar, ThreadPoolExecutor(jobs) as pool:
        task = bar.add_task("mutants", total=len(drawn))
        list(pool.map(work, range(jobs)))
    return sorted(survivors, key=lambda mutant: (mutant.file, mutant.line))


def show(drawn: list[Mutant], survivors: list[Mutant]) -> None:
    """Print the table by room, and the survivors."""
    table = Table("room", "mutants", "noticed", "%")
    rooms = {mutant: "/".join(Path(mutant.file).parts[:-1][:3]) for mutant in drawn}
    for room in [*sorted(set(rooms.values())), "all"]:
        own = {mutant for mutant in drawn if room in (rooms[mutant], "all")}
        seen = len(own - set(survivors))
        table.add_row(room, str(len(own)), str(seen), f"{100 * seen / len(own):.0f}")
    Console().print(table)
    print(*survivors, sep="\n")


def main() -> None:
    """Draw, try, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="past", help="draw from this file or folder")
    parser.add_argument("--number", type=int, default=NUMBER, help="how many are drawn")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--jobs", type=int, default=2, help="how many are tried at once")
    given = parser.parse_args()
    files = [ROOT / given.only] if given.only.endswith(".py") else sorted((ROOT / given.only).rglob("*.py"))
    found = [mutant for file in files for mutant in mutants(file, ROOT)]
    drawn = sorted(found, key=lambda mutant: mutant.lot(given.seed))[: given.number]
    for variable, place in (("PAST_DATA", "data"), ("PAST_REFERENCE", "reference")):  # the copy lies elsewhere
        os.environ.setdefault(variable, str(ROOT.parent / "shared" / place))
    os.environ["OMP_NUM_THREADS"] = "1"
    words = "".join(file.read_text() for file in (ROOT / "past").rglob("*.py"))
    heavy = [name for name in HEAVY if name.split(".")[0] in words]
    multiprocessing.get_context("forkserver").set_forkserver_preload(["pytest", *heavy])
    print(f"{len(drawn)} of {len(found)} mutants of {len(files)} files, seed {given.seed}", flush=True)
    survivors = try_all(sorted(drawn, key=lambda mutant: mutant.file), given.jobs)
    show(drawn, survivors)
    if len(survivors) > (1 - ENOUGH) * len(drawn):
        sys.exit(f"{len(drawn) - len(survivors)} of {len(drawn)} noticed: at least {ENOUGH:.0%} are to be")


if __name__ == "__main__":
    main()
