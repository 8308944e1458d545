"""The import law, read from the source: who may import whom, and which files may know Hydra and Lightning."""

import ast
import re
import shutil
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

import past
import past_pathology

PACKAGE = Path(past.__file__).parent
# The doors may import every room; no room imports them.
DOORS = ("past", "past.config", "past.train", "past.evaluate", "past.cli")
SPLIT = ("past.data", "past.models", "past.evaluation")  # each folder in these is a room of its own
STATISTICS, PROBES = "past.evaluation.statistics", "past.evaluation.probes"
CELLS, IHC = "past.cells", "past.ihc"
# A room → the rooms that it may import besides itself and `past.base`.
LAW: dict[str, tuple[str, ...]] = {
    "past.base": (),
    "past.data": (),
    "past.data.shards": (),
    "past.data.sources": ("past.data.shards",),
    "past.data.stream": ("past.data.shards",),
    "past.nn": (),
    "past.checkpoints": ("past.nn",),
    "past.training": ("past.nn",),
    "past.slides": ("past.nn", "past.checkpoints", "past.data.stream"),
    CELLS: ("past.slides", "past.data.shards", "past.checkpoints", STATISTICS),
    IHC: (CELLS, "past.slides", STATISTICS),  # its scores have intervals
    "past.models": ("past.checkpoints", "past.nn"),  # and by string, when a checkpoint is opened, each model; see NAMED
    "past.evaluation": (STATISTICS, "past.data.stream", "past.report"),
    STATISTICS: (),
    PROBES: (STATISTICS,),
    "past.report": (),
}
A_MODEL = (
    *("past.nn", "past.checkpoints", "past.training", "past.data.shards", "past.data.stream", "past.slides"),
    *("past.models", STATISTICS),
)
A_TASK = (*A_MODEL, "past.data.sources", PROBES, "past.evaluation", "past.report", CELLS, IHC)
# The registry names each model by string, as a model's own code may import the registry to open a checkpoint: a circle
# that is none while modules are imported. Elsewhere a string that names a module counts as an import of it.
NAMED = {"past.models": re.compile(r"past\.models\.\w+\.(model|cells\.tower_head)")}
HYDRA = {"past.config", "past.train", "past.evaluate"}
MODELS = ("past", "past.cells", "stpath", "survival")
LIGHTNING = {*HYDRA, "past.data.stream.datamodule", *(f"past.models.{model}.module" for model in MODELS)}


def modules(root: Path) -> dict[str, Path]:
    """Dotted name → file of every module below the package at `root`."""
    names = {
        path: path.relative_to(root.parent).with_suffix("").as_posix().replace("/", ".") for path in root.rglob("*.py")
    }
    return {name.removesuffix(".__init__"): path for path, name in names.items()}


def imported(path: Path) -> set[str]:
    """Full dotted names that a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def named(path: Path) -> set[str]:
    """All strings of a file."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def within(name: str, room: str) -> bool:
    """Whether a module is the room, or lies in it."""
    return name == room or name.startswith(f"{room}.")


def room_of(name: str, folders: set[str]) -> str:
    """The room that a module lies in, or the door that it is; `folders` are the packages."""
    first, second = (".".join(name.split(".")[:depth]) for depth in (2, 3))
    return second if first in SPLIT and second in folders else first


def may_import(room: str) -> tuple[str, ...] | None:
    """The rooms that a room may import; None: the law does not know it."""
    if room in LAW:
        return LAW[room]
    return {"past.models": A_MODEL, "past.evaluation": A_TASK}.get(room.rpartition(".")[0])


def is_allowed(room: str, other: str) -> bool:
    """Whether a module of one room may import a module of the other."""
    allowed = may_import(room) or ()
    if (allowed == A_TASK or room in (CELLS, IHC)) and other.startswith("past.models."):
        return True
    return other in (room, "past.base", *allowed)


def breaches(root: Path) -> list[str]:
    """Say in a line each where the package at `root` breaks the law."""
    found = []
    own = modules(root)
    folders = {name for name, path in own.items() if path.name == "__init__.py"}
    for name, path in own.items():
        room = room_of(name, folders)
        if room not in DOORS and may_import(room) is None:
            found.append(f"{name}: the law names no such room")
            continue
        by_string = {other for other in named(path) & set(own) if "." in other}
        registered = NAMED.get(name, re.compile("(?!)"))
        seen = imported(path) | {other for other in by_string if not registered.fullmatch(other)}
        foreign = {other.split(".")[0] for other in seen}
        if foreign & {"hydra", "omegaconf"} and name not in HYDRA:
            found.append(f"{name}: imports Hydra, which ends at the door (config.py)")
        if foreign & {"lightning", "pytorch_lightning"} and name not in LIGHTNING and not within(name, "past.training"):
            found.append(f"{name}: imports Lightning")
        for other in sorted(other for other in seen if within(other, "past")):
            target = other if other in own else other.rpartition(".")[0]  # the module, or a name that it defines
            there = room_of(target, folders)
            if room in DOORS:  # but only the command line imports the entry points, and nothing the command line
                breach = there in ("past.train", "past.evaluate", "past.cli") and room not in (there, "past.cli")
            else:
                breach = not is_allowed(room, there)
            if breach:
                found.append(f"{name} (in {room}) imports {target}")
    return found


def test_imports_keep_the_law() -> None:
    assert breaches(PACKAGE) == []


BROKEN = {
    "base/a.py": "from past.data.shards.index import ShardIndex",
    "data/shards/a.py": "def f():\n    from past.config import build",
    "data/sources/a.py": "from past.data.stream import plan",
    "nn/a.py": "import past.models.past.model",
    "checkpoints/a.py": "from past.models.stpath.model import STPath",
    "models/past/a.py": "from past.models.stpath.model import STPath",
    "models/stpath/a.py": "from past.evaluation.spots.task import SlideTask",
    "evaluation/statistics/a.py": "from past.slides import tiles",
    "evaluation/hest/a.py": "from past.evaluation.spots import task",
    "evaluation/results.py": "from past.evaluation.hest import files",
    "report/a.py": "from past.evaluation.hest import page",
    "nn/b.py": 'from importlib import import_module\nf = import_module("past.models.past.model")',
    "models/__init__.py": 'MODELS = ("past.evaluation.spots.task",)',
    "slides/a.py": "from past.cli import app",
    "slides/c.py": "from past.cells import nuclei",
    "cells/a.py": "from past.ihc import scores",
    "ihc/a.py": "from past.evaluation.spots import task",
    "models/past/b.py": "from past.cells.nuclei import Nuclei",
    "config.py": "from past.train import main",
    "train.py": "from past.cli.report import report",
    "evaluate.py": "from past.config import build\nfrom past.cli import app",
    "training/a.py": "import hydra",
    "slides/b.py": "import lightning.pytorch",
    "attic/a.py": "x = 1",
}


@pytest.mark.parametrize("file", BROKEN)
def test_the_law_catches_a_breach(tmp_path: Path, file: str) -> None:
    copy = tmp_path / "past"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / file).parent.mkdir(exist_ok=True)
    (copy / file).write_text(BROKEN[file] + "\n")
    name = file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
    assert [line for line in breaches(copy) if line.startswith(f"past.{name}")]


def test_no_folder_holds_more_than_twenty_files_and_the_root_only_the_doors() -> None:
    """The rule is for code; conf/ has a file an encoder, and tests/support one for each thing that tests make."""
    for folder in {path.parent for path in modules(PACKAGE).values()}:
        assert len([path for path in folder.iterdir() if path.is_file()]) <= 20, folder
    assert {path.name for path in PACKAGE.iterdir() if path.suffix == ".py"} == {
        "__init__.py", "config.py", "train.py", "evaluate.py"
    }  # fmt: skip


def test_files_and_functions_are_short() -> None:
    for path in modules(PACKAGE).values():
        text = path.read_text()
        assert text.count("\n") <= 400, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path}: {node.name}"


def test_every_module_has_a_unit_test_of_its_name() -> None:
    unit = Path(__file__).parent / "unit"
    for path in modules(PACKAGE).values():
        place = path.relative_to(PACKAGE)
        if path.name != "__init__.py":
            assert (unit / place.parent / f"test_{path.name}").is_file(), path


def test_no_dependency_brings_the_other_past() -> None:
    assert "future" not in {name.split()[0].lower() for name in requires("past-pathology") or []}
    installed = {path.name for folder in sys.path for path in Path(folder or ".").glob("future-*.dist-info")}
    assert not installed, "PyPI's 'future' also installs a module called past"


def test_another_module_called_past_is_refused_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "past").mkdir()
    (tmp_path / "past" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "past"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ImportError, match="pip uninstall future"):
        past_pathology.require_ours()
