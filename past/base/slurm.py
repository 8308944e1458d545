"""Whether what SLURM or torchrun started is what the trainer is told: a process for every device of every node."""

import os
import re
from collections.abc import Mapping
from typing import Any

from past.base.errors import ConfigError


def started_by_srun(environment: Mapping[str, str]) -> bool:
    """Whether this process is a task of srun's, and not of a torchrun below it."""
    return "SLURM_STEP_ID" in environment and "TORCHELASTIC_RUN_ID" not in environment


def refuse_wrong_layout(devices: int, num_nodes: int, environment: Mapping[str, str]) -> None:
    """Refuse what would hang, or train several runs in one directory: ranks that wait for others that nobody started.

    Args:
        devices: processes that the trainer expects on each node.
        num_nodes: nodes that it expects.
        environment: of this process.

    Raises:
        ConfigError: no srun, or another number of nodes or tasks; says what to give sbatch, torchrun or the trainer.
    """
    if "TORCHELASTIC_RUN_ID" in environment:
        _refuse_other_ranks(devices, num_nodes, environment)
        return
    if "SLURM_JOB_ID" not in environment:
        return
    asked = f"--nodes={num_nodes} --ntasks-per-node={devices}"
    if not started_by_srun(environment):
        tasks = int(environment.get("SLURM_NTASKS", "1"))
        if max(tasks, devices * num_nodes) > 1:
            raise ConfigError(
                f"SLURM job {environment['SLURM_JOB_ID']}: {tasks} tasks, trainer.devices={devices} and "
                f"trainer.num_nodes={num_nodes}, but train.py was started once, without srun: "
                f"give sbatch {asked} and start it by 'srun python train.py …', as slurm/train.sbatch does"
            )
        return
    nodes, on_each = int(environment["SLURM_STEP_NUM_NODES"]), environment["SLURM_STEP_TASKS_PER_NODE"]
    even = re.fullmatch(r"(\d+)(\(x\d+\))?", on_each)  # "2(x3)": two on each of three; "2,1": uneven
    if even is None or (int(environment["SLURM_STEP_NUM_TASKS"]) > 1 and "SLURM_NTASKS_PER_NODE" not in environment):
        raise ConfigError(
            f"SLURM started {environment['SLURM_STEP_NUM_TASKS']} tasks without being told how many on each node "
            f"({on_each}): give sbatch {asked} in place of --ntasks"
        )
    tasks = int(even[1])
    if (nodes, tasks) != (num_nodes, devices):
        raise ConfigError(
            f"SLURM started {tasks} tasks on each of {nodes} nodes, but trainer.devices={devices} and "
            f"trainer.num_nodes={num_nodes}: give sbatch {asked}, or trainer.devices={tasks} trainer.num_nodes={nodes}"
        )


def _refuse_other_ranks(devices: int, num_nodes: int, environment: Mapping[str, str]) -> None:
    """Refuse torchrun's processes where the trainer expects another number: each would train for itself."""
    world, here = int(environment["WORLD_SIZE"]), int(environment["LOCAL_WORLD_SIZE"])
    if (world, here) != (devices * num_nodes, devices):
        raise ConfigError(
            f"torchrun started {here} processes here and {world} in all, but trainer.devices={devices} and "
            f"trainer.num_nodes={num_nodes}: add trainer=ddp, or give torchrun --nproc_per_node={devices}"
        )


def refuse_sweep_on_many_devices(trainer: Mapping[str, Any], multirun: bool) -> None:
    """Refuse `-m` where Lightning would start processes itself: they replay the command line, and so the whole sweep.

    Raises:
        ConfigError: says what to use instead.
    """
    launched = "WORLD_SIZE" in os.environ or "SLURM_PROCID" in os.environ
    devices = trainer.get("devices", 1)
    one = len(devices) == 1 if isinstance(devices, list) else str(devices) == "1"
    if multirun and not launched and not one:
        raise ConfigError(
            f"-m with trainer.devices={devices} would run the sweep once on every device: "
            "set trainer.devices=1, or start each run by torchrun or sbatch"
        )


def refuse_wrong_start(trainer: Mapping[str, Any], multirun: bool) -> None:
    """Refuse processes that were not started as the trainer expects; before anything is written.

    Raises:
        ConfigError: says what to give instead.
    """
    refuse_sweep_on_many_devices(trainer, multirun)
    refuse_wrong_layout(count_devices(trainer), int(trainer.get("num_nodes", 1)), os.environ)


def count_devices(trainer: Mapping[str, Any]) -> int:
    """Return the number of processes on a node that `devices` and `accelerator` mean."""
    devices = trainer.get("devices", "auto")
    if isinstance(devices, list):
        return len(devices)
    if str(devices) not in ("auto", "-1"):
        return int(devices)
    import torch

    on_gpu = trainer.get("accelerator") in ("gpu", "cuda", "auto")
    return max(torch.cuda.device_count(), 1) if on_gpu else 1
