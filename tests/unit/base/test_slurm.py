"""Processes that SLURM or torchrun did not start as the trainer expects are refused, with the numbers to give."""

from typing import Any

import pytest

from past.base.errors import ConfigError
from past.base.slurm import count_devices, refuse_sweep_on_many_devices, refuse_wrong_layout, refuse_wrong_start


def job(**more: str) -> dict[str, str]:
    return {"SLURM_JOB_ID": "4711", **more}


def step(nodes: int, on_each: str, tasks: int, told: bool = True) -> dict[str, str]:
    more = {"SLURM_NTASKS_PER_NODE": on_each[0]} if told else {}
    layout = {"SLURM_STEP_NUM_NODES": str(nodes), "SLURM_STEP_TASKS_PER_NODE": on_each}
    return job(SLURM_STEP_ID="0", SLURM_STEP_NUM_TASKS=str(tasks), **layout, **more)


def torchrun(world: int, here: int) -> dict[str, str]:
    return {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(here)}


@pytest.mark.parametrize(
    ("devices", "nodes", "environment"),
    [
        (1, 1, {}),
        (8, 4, {}),  # no SLURM: torchrun's or Lightning's affair
        (1, 1, job()),
        (1, 1, job(SLURM_NTASKS="1")),
        (8, 1, job(SLURM_NTASKS="1", **torchrun(8, 8))),
        (2, 2, torchrun(4, 2)),
        (2, 2, step(2, "2(x2)", 4)),
        (8, 1, step(1, "8", 8)),
        (1, 1, step(1, "1", 1, told=False)),
    ],
)
def test_what_fits_is_let_through(devices: int, nodes: int, environment: dict[str, str]) -> None:
    refuse_wrong_layout(devices, nodes, environment)


@pytest.mark.parametrize(
    ("devices", "nodes", "environment", "words"),
    [
        (1, 1, job(SLURM_NTASKS="4"), ["4 tasks", "without srun", "--nodes=1 --ntasks-per-node=1", "srun python"]),
        (8, 2, job(), ["trainer.devices=8", "trainer.num_nodes=2", "--nodes=2 --ntasks-per-node=8"]),
        (8, 2, step(2, "4(x2)", 8), ["4 tasks on each of 2 nodes", "--ntasks-per-node=8", "trainer.devices=4"]),
        (2, 1, step(2, "2(x2)", 4), ["2 nodes", "--nodes=1 --ntasks-per-node=2", "trainer.num_nodes=2"]),
        (2, 2, step(2, "3,1", 4, told=False), ["4 tasks", "(3,1)", "--nodes=2 --ntasks-per-node=2", "--ntasks"]),
        (2, 2, step(2, "2(x2)", 4, told=False), ["in place of --ntasks"]),  # Lightning's own rule
        (1, 1, torchrun(2, 2), ["2 processes here", "trainer.devices=1", "trainer=ddp", "--nproc_per_node=1"]),
        (4, 1, torchrun(2, 2), ["2 in all", "trainer.devices=4", "--nproc_per_node=4"]),
        (2, 1, torchrun(4, 2), ["4 in all", "trainer.num_nodes=1"]),
        (1, 2, torchrun(2, 2), ["2 processes here", "trainer.num_nodes=2"]),
    ],
)
def test_what_would_hang_is_refused_with_the_numbers(
    devices: int, nodes: int, environment: dict[str, str], words: list[str]
) -> None:
    with pytest.raises(ConfigError) as refusal:
        refuse_wrong_layout(devices, nodes, environment)
    assert all(word in str(refusal.value) for word in words), refusal.value


@pytest.mark.parametrize(
    ("devices", "multirun", "launcher", "refused"),
    [
        (2, True, None, True),
        ("auto", True, None, True),
        (-1, True, None, True),
        ([0, 1], True, None, True),
        (1, True, None, False),
        ("1", True, None, False),
        ([0], True, None, False),
        ([1], True, None, False),
        (2, False, None, False),
        (2, True, "WORLD_SIZE", False),
        (2, True, "SLURM_PROCID", False),
    ],
)
def test_a_sweep_is_refused_where_lightning_would_start_processes(
    devices: Any, multirun: bool, launcher: str | None, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WORLD_SIZE", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    if launcher is not None:
        monkeypatch.setenv(launcher, "2")
    if refused:
        with pytest.raises(ConfigError, match=r"-m with trainer\.devices=.*torchrun or sbatch"):
            refuse_sweep_on_many_devices({"devices": devices}, multirun)
    else:
        refuse_sweep_on_many_devices({"devices": devices}, multirun)


@pytest.mark.parametrize(
    ("trainer", "count"),
    [
        ({"devices": 4}, 4),
        ({"devices": "4"}, 4),
        ({"devices": [0, 2]}, 2),
        ({"devices": "auto", "accelerator": "cpu"}, 1),
        ({"devices": -1, "accelerator": "gpu"}, 3),
        ({"accelerator": "auto"}, 3),
    ],
)
def test_devices_are_counted(trainer: dict[str, Any], count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 3)
    assert count_devices(trainer) == count


def test_a_job_whose_tasks_are_not_the_devices_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    monkeypatch.delenv("SLURM_STEP_ID", raising=False)
    with pytest.raises(ConfigError, match=r"--nodes=2 --ntasks-per-node=4"):
        refuse_wrong_start({"devices": 4, "num_nodes": 2}, multirun=False)
