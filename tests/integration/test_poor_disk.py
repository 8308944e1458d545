"""A file system without locks and hard links: every command works, as on Lustre, NFS and exFAT."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tiny_training import ROOT

SUPPORT = ROOT / "tests" / "support"
TRIED = """
import fcntl, os
for refused in (fcntl.flock, fcntl.lockf):
    try:
        refused(0, fcntl.LOCK_EX)
    except OSError as error:
        print(error.strerror)
try:
    os.link("a", "b")
except OSError as error:
    print(error.strerror)
"""
OF_TRAINING = {
    "cells/index.json", "runs/tiny/local/checkpoints/best.ckpt", "runs/tiny/local/checkpoints/last.ckpt",
    "runs/tiny/local/metrics.csv", "runs/tiny/local/report.html", "runs/tiny/local/results/retrieval.origin.json",
    "runs/tiny/local/results/retrieval.csv", "runs/tiny/remote/checkpoints/last.ckpt",
}  # fmt: skip
OF_PREDICTION = {
    "stpath/model.json", "exported/stfm.pth", "predicted.h5ad", "previews/previews/P1.png", "slides/index.json",
    "bench/T/adata/P1.h5ad", "embedded/slide.h5", "embedded/summary.csv",
    "predicted/slide.features.h5", "predicted/slide.h5ad",
    "runs/hest_bench/ridge_4_components-grid/results/hest_bench.csv",
}  # fmt: skip


def without_locks(code: str, words: str, folder: Path) -> dict[str, str]:
    """Return the environment of a program that finds no locks and no hard links, and is answered `code`."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler, so no stand-in for a file system without locks")
    library, source = folder / "poor_disk.so", SUPPORT / "poor_disk.c"
    subprocess.run([compiler, "-shared", "-fPIC", f"-DNO_LOCKS={code}", "-o", library, source], check=True)
    path = os.pathsep.join((str(ROOT), str(SUPPORT)))
    environment = {**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    for name in ("PAST_RUN_ID", "WANDB_MODE", "SLURM_PROCID", "WORLD_SIZE", "HDF5_USE_FILE_LOCKING"):
        environment.pop(name, None)
    tried = subprocess.run([sys.executable, "-c", TRIED], env=environment, capture_output=True, text=True, check=True)
    assert tried.stdout.splitlines() == [words, words, "Operation not permitted"]
    return environment


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "words", "way", "makes"),
    [
        ("ENOSYS", "Function not implemented", "train", OF_TRAINING),
        ("ENOSYS", "Function not implemented", "predict", OF_PREDICTION),
        ("ENOLCK", "No locks available", "predict", OF_PREDICTION),  # HDF5 by itself passes over the first only
    ],
)
def test_every_command_works_without_locks_and_hard_links(
    tmp_path: Path, code: str, words: str, way: str, makes: set[str]
) -> None:
    root = tmp_path / "disk"
    program, environment = (
        [sys.executable, SUPPORT / "every_command.py", root, way],
        without_locks(code, words, tmp_path),
    )
    done = subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-4_000:]
    made = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    assert made >= makes
    kept = {"train": "cache/past-shards/*.tar", "predict": "runs/features/*.npy"}[way]
    assert len(list(root.glob(kept))) == {"train": 3, "predict": 4}[way]  # two sections, and both without colour
    assert not [name for name in made if name.endswith((".part", ".now"))]
