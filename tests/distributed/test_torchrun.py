"""torchrun and kill -9: the ranks come back together to where they were, or end together with one message."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ranks import train_on_ranks
from tiny_past import planted_data
from tiny_training import ROOT, tiny

from past.training.checkpoint_io import read_checkpoint

pytestmark = pytest.mark.slow
NOT_PASSED_ON = ("PAST_RUN_ID", "SLURM_PROCID", "WORLD_SIZE")
TWO = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.max_epochs=2", "data.val=[C]", "data.samples.neighbours=2")
# an epoch has three updates: the second epoch's second is undone, and the checkpoint is one of mid-epoch
EVERY = "callbacks.last.every=2"
KILL = ("+callbacks.kill._target_=tiny_training.KillRank", "+callbacks.kill.rank=1", "+callbacks.kill.step=5")


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("planted") / "shards"
    planted_data(root)
    return root


def torchrun(words: list[str], *options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "tests" / "support")}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2", *options]
    return subprocess.run(
        [*command, str(ROOT / "train.py"), *words], env=environment, capture_output=True, text=True, timeout=300
    )


def words_without_run_id(shards: Path, root: Path) -> list[str]:
    return [word for word in tiny(shards, root, "", *TWO, EVERY, *KILL) if not word.startswith("run_id=")]


def test_a_killed_rank_comes_back_and_the_weights_are_the_undisturbed_runs(shards: Path, tmp_path: Path) -> None:
    train_on_ranks(2, tiny(shards, tmp_path / "whole", "whole", *TWO))
    done = torchrun(words_without_run_id(shards, tmp_path / "killed"), "--max-restarts=1")
    assert done.returncode == 0, done.stderr
    assert "SIGKILL" in done.stderr or "exitcode: -9" in done.stderr
    (run,) = (tmp_path / "killed" / "tiny").iterdir()  # no second directory for the second life
    assert "resuming from" in done.stderr
    own, whole = (
        read_checkpoint(path / "checkpoints" / "last.ckpt") for path in (run, tmp_path / "whole" / "tiny" / "whole")
    )
    assert own["global_step"] == whole["global_step"] == 6
    for name, value in whole["state_dict"].items():
        assert torch.equal(own["state_dict"][name], value), name


def test_a_killed_rank_takes_the_others_down_with_one_message(shards: Path, tmp_path: Path) -> None:
    done = torchrun(words_without_run_id(shards, tmp_path))
    assert done.returncode != 0
    ours, torchruns = done.stderr.split("torch/distributed/elastic", 1)
    assert "Traceback" not in ours
    assert ours.count("error: ") <= 1  # none, where torchrun was first
    assert len(re.findall(r"exitcode +: -9", torchruns)) == 1
    (run,) = (tmp_path / "tiny").iterdir()
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"] == 4


def test_past_train_starts_ranks_in_every_way(shards: Path, tmp_path: Path) -> None:
    """By torchrun as a module and as a command, and by Lightning, which starts the second rank by our own words."""
    environment = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests' / 'support'}"}
    command = tmp_path / "past"  # as pip writes it
    command.write_text(f"#!{sys.executable}\nimport past_pathology\npast_pathology.main()\n")
    command.chmod(0o755)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    starts = {
        "module": [*launcher, "-m", "past.train"],
        "command": [*launcher, "--no-python", str(command), "train"],
        "lightning": [str(command), "train", "trainer.devices=2"],
    }
    last = {}
    for name, start in starts.items():
        words = tiny(shards, tmp_path, name, *TWO, "trainer.max_epochs=1")
        done = subprocess.run(
            [*start, *words], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
        last[name] = read_checkpoint(tmp_path / "tiny" / name / "checkpoints" / "last.ckpt")
    for own in last.values():
        assert own["global_step"] == 3
        for key, value in last["module"]["state_dict"].items():
            assert torch.equal(own["state_dict"][key], value), key
