"""The examples of docs/extend.md, put where they say and run as they say, in a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
REGISTRY = "past/models/__init__.py"
MOST_LINES = 50  # of one file of an example


def write_block(root: Path, content: str) -> Path:
    """Put a block into the file that its first line names; a line of the registry goes into it."""
    first, rest = content.split("\n", 1)
    path = root / first.removeprefix("# ")
    if first == f"# {REGISTRY}":
        registry = path.read_text()
        last = '    "past.models.survival.model",\n'
        assert last in registry
        path.write_text(registry.replace(last, last + rest))
    else:
        assert not path.exists(), f"{path}: the example would write over a file"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(rest)
    return path


def write_sections(folder: Path) -> None:
    """What the example of a source reads: two sections of twelve cells on stained tissue."""
    rng = np.random.default_rng(0)
    for name in ("S1", "S2"):
        (folder / name).mkdir(parents=True)
        cells = [f"c{i}" for i in range(12)]
        counts = pd.DataFrame(rng.poisson(3.0, (12, 5)), index=cells, columns=[f"G{i}" for i in range(5)])
        counts.to_csv(folder / name / "counts.csv")
        places = pd.DataFrame(rng.uniform(20, 180, (12, 2)), index=cells, columns=["x", "y"])
        places.sample(frac=1, random_state=0).to_csv(folder / name / "places.csv")
        pixels = np.array([200, 120, 170]) + rng.integers(-20, 20, (200, 200, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name / "image.png")


@pytest.mark.slow
def test_every_example_works(tmp_path: Path) -> None:
    for name in ("past", "conf"):
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
    shutil.copy(REPOSITORY / "past_pathology.py", tmp_path)
    write_sections(tmp_path / "sections")
    blocks = BLOCK.findall((REPOSITORY / "docs" / "extend.md").read_text())
    commands = [line for language, content in blocks if language == "sh" for line in content.splitlines()]
    written = [write_block(tmp_path, content) for language, content in blocks if language != "sh"]
    assert len(commands) == 8
    assert all(len(path.read_text().splitlines()) <= MOST_LINES for path in written if path != tmp_path / REGISTRY)
    code = [str(path) for path in written if path.suffix == ".py"]
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    for rule in ("check", "format --check"):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *rule.split(), *code], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "OMP_NUM_THREADS": "1"}
    start = {"past": [sys.executable, "-c", "import past_pathology; past_pathology.main()"], "python": [sys.executable]}
    for command in commands:
        program, *words = command.split()
        done = subprocess.run(
            [*start[program], *words], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    index = json.loads((tmp_path / "slides" / "index.json").read_text())
    assert index["settings"]["width"] == 8  # the example's encoder
    assert (
        sum(shard["samples"] for shard in json.loads((tmp_path / "csv_shards/index.json").read_text())["shards"]) == 24
    )
    run = tmp_path / "runs" / "depth" / "first"
    losses = pd.read_csv(run / "metrics.csv")["val/score"].dropna()
    assert losses.iloc[-1] > losses.iloc[0], "the example's model learns"
    (section,) = json.loads((run / "results" / "depth.json").read_text())["rows"]
    assert section["transcripts"] > 0
    page = (run / "report.html").read_text()
    assert "Transcripts of a cell" in page
    assert yaml.safe_load((run / "config.yaml").read_text())["callbacks"]["best"]["monitor"] == "val/score"
    assert "The best val/score of each run" in (run.parent / "sweep.html").read_text()
    law = [sys.executable, "-c", LAW.format(tests=REPOSITORY / "tests", root=tmp_path / "past")]
    assert subprocess.run(law, env=environment, capture_output=True, text=True).stdout == "[]\n"


LAW = """
import sys
sys.path.insert(0, "{tests}")
from pathlib import Path
from test_imports import breaches
print(breaches(Path("{root}")))
"""
