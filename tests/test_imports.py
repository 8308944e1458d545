"""The import law, read from the source: who may import whom, and which files may know Hydra and Lightning."""

import ast
import sys
from importlib.metadata import requires
from pathlib import Path

import pytest

import past
import past_pathology

PACKAGE = Path(past.__file__).parent
BASE = {
    "errors",
    "keys",
    "types",
    "genes",
    "vocabularies",
    "distributed",
    "files",
    "peaks",
    "ranking",
    "runs",
    "slurm",
    "stpath_vocabularies",
}
DOORS = {"__init__", "config", "cli", *(path.stem for path in PACKAGE.glob("cli_*.py"))}
LAW = {
    "data": {"data"},
    "models": {"models"},
    "losses": {"losses"},
    "training": {"training", "models", "losses"},
    "checkpoints": {"checkpoints", "models"},
    "inference": {"inference", "models", "checkpoints", "data"},
    "evaluation": {"evaluation", "inference", "models", "data"},
    "report": {"report"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Full dotted names that a file imports, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def room(path: Path) -> str:
    """The folder below past/, or the file's own name in the base."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def test_every_room_and_base_file_is_named_in_the_law() -> None:
    rooms = {room(path) for path in FILES}
    assert rooms <= BASE | DOORS | set(LAW)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_keep_the_law(path: Path) -> None:
    ours = {name.split(".")[1] for name in imported(path) if name.startswith("past.") and name.count(".") >= 1}
    here = room(path)
    if here in DOORS:
        return
    allowed = LAW.get(here, set()) | BASE
    assert ours <= allowed, f"{path.name} in {here} imports {sorted(ours - allowed)}"
    foreign = {name.split(".")[0] for name in imported(path)}
    assert not foreign & {"hydra", "omegaconf"}, "Hydra ends at the door (config.py)"
    if here != "training" and path.name != "shard_datamodule.py":
        assert not foreign & {"lightning", "pytorch_lightning"}, "Lightning stays in training/ and shard_datamodule.py"


def test_the_law_catches_a_breach(tmp_path: Path) -> None:
    breach = tmp_path / "breach.py"
    breach.write_text("def f():\n    from past.config import build\n")
    assert "past.config" in imported(breach)


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
