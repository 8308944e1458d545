"""The benchmark of memory and open files over a long training, at toy size."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_training import ROOT


@pytest.mark.slow
def test_it_counts_memory_and_files_over_a_training(tmp_path: Path) -> None:
    size = ["--updates", "40", "--validations", "2", "--settled", "10", "--workers", "1"]
    command = [sys.executable, str(ROOT / "benchmarks" / "soak.py"), "--out", str(tmp_path), *size]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    said = done.stdout
    assert "updates with 1 workers, 2 validations" in " ".join(said.split()), done.stderr[-2000:]
    grew = [float(growth) for growth in re.findall(r"([+-]\d+\.\d) %", said)]
    assert len(grew) == 2
    assert done.returncode == (max(grew) > 5), "it fails where more grew than is wanted"
    assert "wanted: at most 5 %" in said
    with (tmp_path / "soak.csv").open(newline="") as file:
        rows = [{name: int(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert [row["update"] for row in rows[:4]] == [10, 20, 30, 40]
    assert all(row["bytes"] > 50e6 and row["files"] > 5 for row in rows)
