"""sbatch slurm/train.sbatch on two nodes of two ranks: whatever ends it, it ends as its user expects."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from held import Pipe
from slurm_jobs import Jobs
from tiny_training import TIMED, metrics_of, tiny

from past.training.checkpoint_io import read_checkpoint

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
LAYOUT = ("--nodes=2", "--ntasks-per-node=2", "--gpus-per-node=2", "--cpus-per-task=1")
ONE = ("--nodes=1", "--ntasks-per-node=1", "--gpus-per-node=1", "--cpus-per-task=1")
KEPT = ("callbacks.last.every=1", "+logger.csv.flush_every=1")
DDP = ("trainer=ddp", "trainer.accelerator=cpu", "data.batch_size=8")


@pytest.fixture
def jobs(cluster: dict[str, str], tmp_path: Path) -> Jobs:
    return Jobs(cluster, tmp_path)


def words(tissue: Path, root: Path, *more: str) -> list[str]:
    """What follows the script: the job is its own run."""
    replaced = ("run_id=", "trainer=cpu", "data.batch_size=") if "trainer=ddp" in more else ("run_id=",)
    return [word for word in tiny(tissue, root, "null") if not word.startswith(replaced)] + [*KEPT, *more]


def held(pipe: Pipe, *at: int) -> list[str]:
    hold = "+callbacks.hold"
    return [f"{hold}._target_=held.HoldAt", f"{hold}.pipe={pipe.path}", f"{hold}.at={[*at]}".replace(" ", "")]


def test_whatever_ends_it_it_ends_as_if_nothing_had(jobs: Jobs, tissue: Path, tmp_path: Path) -> None:
    pipe, asked = Pipe(tmp_path / "pipe"), words(tissue, tmp_path, *DDP)
    stopped = jobs.submit("train.sbatch", ("--partition=spot", *LAYOUT), *asked, *held(pipe, 1, 4, 6))
    pipe.read()
    jobs.run("scancel", "--signal=USR1", stopped)
    os.kill(pipe.read(), signal.SIGKILL)
    pipe.read()
    whole = jobs.submit("train.sbatch", ("--exclusive", *LAYOUT), *asked)  # preempts: it needs the nodes
    ended = [jobs.end_of(job) for job in (whole, stopped)]
    assert [(job["JobState"], job["Restarts"]) for job in ended] == [("COMPLETED", "0"), ("COMPLETED", "3")], jobs.logs

    runs = tmp_path / "tiny"
    assert {path.name for path in runs.iterdir()} == {stopped, whole}
    ours, theirs = (read_checkpoint(runs / job / "checkpoints" / "last.ckpt") for job in (stopped, whole))
    assert ours["global_step"] == theirs["global_step"] == 9
    assert ours["state_dict"].keys() == theirs["state_dict"].keys()
    for name, value in ours["state_dict"].items():
        assert torch.equal(value, theirs["state_dict"][name]), name
    for own, right in zip(metrics_of(runs / stopped), metrics_of(runs / whole), strict=True):
        assert {name: value for name, value in own.items() if value and name not in TIMED}.items() <= right.items()

    array = jobs.submit(
        "evaluate.sbatch", ("--array=0-2", "--gpus-per-node=0", "--cpus-per-task=1"),
        "run_id", stopped, whole, "--", "task=retrieval", "name=tiny", f"output_root={tmp_path}", "ckpt=last",
    )  # fmt: skip
    jobs.end_of(array)
    first, second = (json.loads((runs / job / "results" / "retrieval.json").read_text()) for job in (stopped, whole))
    assert first["rows"] == second["rows"] != []
    assert "task 2 of 2 values of run_id: give sbatch --array=0-1" in jobs.logs


def test_a_cancelled_job_saves_and_stays_away(jobs: Jobs, tissue: Path, tmp_path: Path) -> None:
    pipe = Pipe(tmp_path / "pipe")
    job = jobs.submit("train.sbatch", ONE, *words(tissue, tmp_path, "data.num_workers=1", *held(pipe, 3)))
    pipe.read()
    jobs.run("scancel", job)
    ended = jobs.end_of(job)
    assert (ended["JobState"], ended["Restarts"]) == ("CANCELLED", "0")
    assert read_checkpoint(tmp_path / "tiny" / job / "checkpoints" / "last.ckpt")["global_step"] == 4, jobs.logs


def test_a_wrong_layout_ends_at_once_and_says_the_right_one(jobs: Jobs, tissue: Path, tmp_path: Path) -> None:
    job = jobs.submit("train.sbatch", ONE, *words(tissue, tmp_path, "trainer.devices=2"))
    ended = jobs.end_of(job)
    assert (ended["JobState"], ended["Restarts"]) == ("FAILED", "0")
    sentence = "SLURM started 1 tasks on each of 1 nodes, but trainer.devices=2 and trainer.num_nodes=1: give sbatch "
    assert sentence + "--nodes=1 --ntasks-per-node=2, or trainer.devices=1 trainer.num_nodes=1" in jobs.logs
    assert not (tmp_path / "tiny").exists()
