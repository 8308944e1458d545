"""Many jobs at once: a sweep by submitit, and shards of which each task writes one section."""

from pathlib import Path

import pytest
from slurm_jobs import ROOT, Jobs
from tiny_training import tiny
from tissues import SYNTHETIC
from whole_slides import section, write_svs

from past.config import load
from past.models import load_model

pytestmark = [pytest.mark.slurm, pytest.mark.slow]


def test_a_sweep_of_four(cluster: dict[str, str], tissue: Path, tmp_path: Path) -> None:
    jobs = Jobs(cluster | {"PAST_RUN_ID": "sweep"}, tmp_path)
    own = [word for word in tiny(tissue, tmp_path, "null", "trainer.max_steps=1") if not word.startswith("run_id=")]
    small = ["hydra.launcher.gpus_per_node=0", "hydra.launcher.cpus_per_task=1"]
    jobs.run(ROOT / "slurm" / "sweep.sh", *own, *small, "model.temperature=0.05,0.07", "seed=1,2")
    runs = sorted((tmp_path / "tiny").iterdir())
    assert [run.name for run in runs] == [f"sweep-{number}" for number in range(4)]
    tried = [(load(run / "config.yaml")["model"]["temperature"], load(run / "config.yaml")["seed"]) for run in runs]
    assert tried == [(0.05, 1), (0.05, 2), (0.07, 1), (0.07, 2)]
    for run in runs:
        assert load_model(run / "checkpoints" / "last.ckpt").model is not None


def test_shards_by_an_array_are_those_of_one_process(cluster: dict[str, str], tissue: Path, tmp_path: Path) -> None:
    jobs, out = Jobs(cluster, tmp_path), tmp_path / "shards"
    array = jobs.submit("shards.sbatch", ("--array=0-2", "--mem=100M"), *SYNTHETIC, "--out", out)
    jobs.end_of(array)
    jobs.run("past", "shards", "merge", out)
    assert (out / "index.json").read_bytes() == (tissue / "index.json").read_bytes(), jobs.logs
    jobs.run("past", "verify", out)


def test_slides_by_an_array_are_those_of_one_process(cluster: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("lazyslide", reason="the extra 'wsi' is not installed")
    slides = [write_svs(tmp_path / f"s{i}.svs", section(600, 400, seed=i), factors=(1,)) for i in range(4)]
    how = ("--tile-px", "32", "--tissue", "none", "--encoder", "grid", "--device", "cpu")
    jobs, shared, alone = Jobs(cluster, tmp_path), tmp_path / "shared", tmp_path / "alone"
    small = ("--array=0-1", "--mem=800M", "--cpus-per-task=1")
    jobs.end_of(jobs.submit("slides.sbatch", small, "embed", *slides, *how, "--out", shared))
    jobs.run("past", "embed", *slides, *how, "--out", alone)
    made = sorted(path.name for path in shared.iterdir())
    assert made == sorted(path.name for path in alone.iterdir()) == ["s0.h5", "s1.h5", "s2.h5", "s3.h5", "summary.csv"]
    for name in made[:-1]:
        assert (shared / name).read_bytes() == (alone / name).read_bytes(), jobs.logs
