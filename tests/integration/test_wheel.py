"""The built wheel alone, outside of the checkout: shards, a training, an evaluation and a page by `past …`.

It trains the tiny model of other tests: experiment=demo, which takes minutes, is run by `make demo`.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest
from tiny_training import ROOT, TINY
from tissues import SYNTHETIC

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "past_pathology.py", "past", "conf")


def pip(*words: str | Path) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without a network from a copy of the checkout, in which nothing of an earlier build lies about."""
    pytest.importorskip("setuptools", reason="setuptools builds the wheel: it comes with the extra 'test'")
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    source.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source / name)
    pip("wheel", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", folder, source)
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_carries_everything_that_is_no_code(wheel: Path) -> None:
    carried = set(ZipFile(wheel).namelist())
    settings = {f"past/conf/{path.relative_to(ROOT / 'conf')}" for path in (ROOT / "conf").rglob("*.yaml")}
    assert {"past/conf/train.yaml", "past/conf/task/head/ridge.yaml"} <= settings
    assert {name for name in carried if name.startswith("past/conf/")} == settings
    other = {name for name in carried - settings if not name.endswith(".py") and ".dist-info/" not in name}
    assert other == {"past/py.typed", "past/report/template.html", "past/evaluation/hest/leaderboard.csv"}


@pytest.mark.slow
def test_the_wheel_alone_trains_evaluates_and_reports(wheel: Path, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    pip("install", "--no-deps", "--no-index", "--target", site, wheel)
    elsewhere.mkdir()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PAST_", "PYTHON", "SLURM_"))
    }
    environment |= {"PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"}

    def past(*words: str) -> str:
        command = [sys.executable, str(site / "bin" / "past"), *words]
        done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = subprocess.run(
        [sys.executable, "-c", "import past, past.config; print(past.__file__, past.config.CONF)"],
        cwd=elsewhere, env=environment, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert where.split() == [str(site / "past" / "__init__.py"), str(site / "past" / "conf")]

    past("shards", *SYNTHETIC, "--out", "shards")
    past("train", *TINY, "data.root=shards", "run_id=wheel", "trainer.max_epochs=1")
    past("evaluate", "task=retrieval", "name=tiny", "run_id=wheel")
    run = elsewhere / "runs" / "tiny" / "wheel"
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"best.ckpt", "last.ckpt"}
    assert past("report", "runs/tiny/wheel").split() == ["open", str(run / "report.html")]
    page = (run / "report.html").read_text()
    assert "Retrieval" in page
    assert "directory: runs/tiny/wheel" in page
