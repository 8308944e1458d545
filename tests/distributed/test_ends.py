"""Two ranks that end together: at a number that is none, and where an update takes too long after SIGTERM."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ranks import train_on_ranks
from tiny_past import planted_data
from tiny_training import ROOT, tiny

from past.base.runs import Run
from past.training.checkpoint_io import read_checkpoint

pytestmark = pytest.mark.slow
NOT_PASSED_ON = ("PAST_RUN_ID", "SLURM_PROCID", "WORLD_SIZE")
TWO = ("trainer.accelerator=cpu", "data.val=[C]", "data.samples.neighbours=2", "callbacks.last.every=2")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("planted") / "shards"
    planted_data(root)
    return root


def torchrun(words: list[str]) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "tests" / "support")}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    return subprocess.Popen(
        [*command, str(ROOT / "train.py"), *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def assert_the_same(own: Run, whole: Run) -> None:
    ours, theirs = (read_checkpoint(run.checkpoints / "last.ckpt") for run in (own, whole))
    assert ours["global_step"] == theirs["global_step"] == 9
    for name, value in theirs["state_dict"].items():
        assert torch.equal(ours["state_dict"][name], value), name


@pytest.fixture(scope="module")
def whole(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Three epochs of three updates that nothing disturbed."""
    root = tmp_path_factory.mktemp("whole")
    train_on_ranks(2, tiny(shards, root, "whole", "trainer=ddp", *TWO))
    return Run(root, "tiny", "whole")


@pytest.mark.parametrize("trainer", ["ddp", "fsdp"])
def test_a_loss_that_is_no_number_on_one_rank_ends_both(shards: Path, tmp_path: Path, whole: Run, trainer: str) -> None:
    """The gradient stays a number on both: the first rank knows of it by the second alone."""
    words = (f"trainer={trainer}", *TWO)
    poison = ("+callbacks.a._target_=tiny_training.PoisonAt", "+callbacks.a.update=7", "+callbacks.a.rank=1")
    with torchrun(tiny(shards, tmp_path, "nan", *words, *poison)) as process:
        said = process.communicate(timeout=300)[1]
    assert process.returncode != 0
    ours = said.split("torch/distributed/elastic", 1)[0]
    assert ours.count("error: update 7: the loss is not finite, and training has ended") == 2, said
    assert "Traceback" not in ours
    run = Run(tmp_path, "tiny", "nan")
    saved = read_checkpoint(run.checkpoints / "last.ckpt")
    assert saved["global_step"] == 6
    assert all(value.isfinite().all() for value in saved["state_dict"].values())
    train_on_ranks(2, tiny(shards, tmp_path, "nan", *words))
    assert read_checkpoint(run.checkpoints / "last.ckpt")["global_step"] == 9
    if trainer == "ddp":
        assert_the_same(run, whole)


def test_a_long_update_of_two_ranks_is_left_out_after_sigterm(shards: Path, tmp_path: Path, whole: Run) -> None:
    words = ("trainer=ddp", *TWO)
    block = ("+callbacks.block._target_=held.BlockAt", "+callbacks.block.at=5", "callbacks.last.grace=0")
    with torchrun(tiny(shards, tmp_path, "left", *words, *block)) as process:
        assert process.stdout is not None
        assert any("blocked" in line for line in process.stdout)
        process.terminate()
        process.communicate(timeout=300)
    assert process.returncode != 0
    run = Run(tmp_path, "tiny", "left")
    assert read_checkpoint(run.checkpoints / "last.ckpt")["global_step"] == 5  # and 4 was saved last
    train_on_ranks(2, tiny(shards, tmp_path, "left", *words))
    assert_the_same(run, whole)
