"""The commands as people type them: other processes, two ranks, Ctrl-C, Weights & Biases without a network."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch
from shards import write_set
from tiny_training import ROOT, metrics_of, tiny, train_tiny

from past.training.checkpoint_io import read_checkpoint

pytestmark = pytest.mark.slow
NOT_PASSED_ON = ("PAST_RUN_ID", "WANDB_MODE", "SLURM_PROCID", "WORLD_SIZE")


@pytest.fixture
def environment() -> dict[str, str]:
    """A shell's in which nothing was set; our support modules can be imported."""
    passed = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
    return passed | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "tests" / "support")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_an_override_of_one_line_with_wandb_offline(tissue: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    words = ["experiment=demo", "model.dim=128", "data.batch_size=32", "trainer.max_steps=5", "logger=wandb"]
    command = [sys.executable, ROOT / "train.py", *words, f"data.root={tissue}", f"output_root={tmp_path}"]
    subprocess.run(command, env=environment, cwd=tmp_path, check=True, capture_output=True, timeout=300)
    (run,) = (tmp_path / "demo").iterdir()
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"] == 5
    assert list(run.glob("wandb/offline-run-*/*.wandb"))
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]  # nothing beside the run


def test_wandb_without_a_server_trains_offline(tissue: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    wandb = ["logger=wandb", "logger.wandb.offline=false", "logger.wandb.timeout=1"]
    command = [sys.executable, ROOT / "train.py", *tiny(tissue, tmp_path, "one", "trainer.max_steps=2", *wandb)]
    nowhere = {"WANDB_API_KEY": "a" * 40, "WANDB_BASE_URL": "http://127.0.0.1:9"}
    passed = environment | nowhere
    done = subprocess.run(command, env=passed, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2_000:]
    assert done.stderr.count("Weights & Biases is offline (") == 1
    run = tmp_path / "tiny" / "one"
    assert read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"] == 2
    assert list(run.glob("wandb/offline-run-*/*.wandb"))


def test_two_ranks_make_one_run(tissue: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    weights = tmp_path / "weights"
    weights.mkdir()
    words = [
        "experiment=demo",
        "trainer=ddp",
        "trainer.accelerator=cpu",
        "trainer.max_epochs=2",
        "trainer.log_every_n_steps=1",
    ]
    save = ["+callbacks.weights._target_=tiny_training.SaveWeights", f"+callbacks.weights.directory={weights}"]
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", f"--master_port={free_port()}",
        ROOT / "train.py", *words, *save,
        "data.batch_size=16", f"data.root={tissue}", f"output_root={tmp_path / 'runs'}",
    ]  # fmt: skip
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    (run,) = (tmp_path / "runs" / "demo").iterdir()
    assert {path.name for path in (run / "checkpoints").iterdir()} == {"last.ckpt", "best.ckpt"}
    first, second = (torch.load(weights / f"rank{rank}.pt", weights_only=True) for rank in (0, 1))
    saved = read_checkpoint(run / "checkpoints" / "last.ckpt")
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        assert torch.equal(value, saved["state_dict"][name]), name
    assert saved["global_step"] == 6  # 80 cells in global batches of up to 32, twice
    rows = metrics_of(run)
    assert all(2.6 < float(row["train/ln_batch"]) < 3.5 for row in rows if row["train/ln_batch"])
    assert all(0 <= float(row["communication_share"]) < 1 for row in rows[1:])  # DDP does not measure its first batch


@pytest.mark.usefixtures("training_environment")
@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_checkpoint_to_go_on_from(
    tissue: Path, tmp_path: Path, environment: dict[str, str], signum: int, code: int
) -> None:
    endless = ["trainer.max_epochs=10000", "data.num_workers=1", "+callbacks.tell._target_=tiny_training.Tell"]
    command = [sys.executable, ROOT / "train.py", *tiny(tissue, tmp_path, "stopped", *endless)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert any("first update" in line for line in process.stdout)
        os.killpg(process.pid, signum)  # a terminal, or a cluster, sends it to the loader's workers too
        said = process.stderr.read()
        assert process.wait(timeout=120) == code, said
    assert "Traceback" not in said
    run = tmp_path / "tiny" / "stopped"
    step = read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"]
    assert step >= 1
    assert train_tiny(tissue, tmp_path, "stopped", f"trainer.max_steps={step + 3}").global_step == step + 3


@contextmanager
def blocked(words: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A training that is stuck in an operation."""
    command = [sys.executable, ROOT / "train.py", *words]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert any("blocked" in line for line in process.stdout), process.stderr.read()
        try:
            yield process
        finally:
            process.kill()


# an epoch has five batches, and so three updates: it is stuck in the second batch of the fifth
BLOCK = ("trainer.accumulate_grad_batches=2", "+callbacks.block._target_=held.BlockAt", "+callbacks.block.at=4")


@pytest.mark.usefixtures("training_environment")
@pytest.mark.parametrize("cache_chunk", ["null", "3"])
def test_an_update_that_takes_long_is_left_out_after_sigterm(
    tissue: Path, tmp_path: Path, environment: dict[str, str], cache_chunk: str
) -> None:
    same = (BLOCK[0], f"module.loss.cache_chunk={cache_chunk}")
    train_tiny(tissue, tmp_path, "whole", *same)
    block = [*BLOCK[1:], "+callbacks.block.place=1", "callbacks.last.grace=0", "data.num_workers=1"]
    with blocked(tiny(tissue, tmp_path, "left", *same, *block), environment) as process:
        process.terminate()
        said = process.communicate(timeout=120)
        assert process.returncode == 143, said
    assert "it is left out if it takes more than 0 s" in " ".join(said[0].split())
    last = tmp_path / "tiny" / "left" / "checkpoints" / "last.ckpt"
    assert read_checkpoint(last)["global_step"] == 4
    train_tiny(tissue, tmp_path, "left", *same)
    own, whole = (read_checkpoint(tmp_path / "tiny" / run / "checkpoints" / "last.ckpt") for run in ("left", "whole"))
    for name, value in whole["state_dict"].items():
        assert torch.equal(own["state_dict"][name], value), name
    left, right = (metrics_of(tmp_path / "tiny" / run) for run in ("left", "whole"))
    assert [row["train/loss"] for row in left] == [row["train/loss"] for row in right]


def test_a_second_sigterm_ends_it_at_once(tissue: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    with blocked(tiny(tissue, tmp_path, "twice", *BLOCK, "callbacks.last.grace=1e6"), environment) as process:
        assert process.stdout is not None
        process.terminate()
        assert any("SIGTERM: finishing this update" in line for line in process.stdout)
        while process.poll() is None:  # what follows within a second is the same signal, passed on twice
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.3)
        assert process.returncode == 143
    folder = tmp_path / "tiny" / "twice" / "checkpoints"
    assert {path.name for path in folder.iterdir()} == {"last.ckpt", "best.ckpt"}
    assert read_checkpoint(folder / "last.ckpt")["global_step"] == 3  # the epoch's last, as it was


UNFINISHED = """
import sys
from past.data.stream.datamodule import DataModule
from past.models.past.samples.cells import CellSamples
data = DataModule(sys.argv[1], CellSamples(neighbours=2, context=8), val=["P0"], batch_size=2, num_workers=2)
data.setup("fit")
kept = iter(data.train_dataloader())
print(len(next(kept)))
"""


def test_a_reading_that_nobody_finishes_does_not_keep_the_program_alive(tmp_path: Path) -> None:
    write_set(tmp_path / "set", [40, 40, 40])
    program = [sys.executable, "-c", UNFINISHED, str(tmp_path / "set")]
    run = subprocess.run(program, capture_output=True, text=True, timeout=120, check=True)
    assert run.stdout == "2\n"
    assert run.stderr == ""
