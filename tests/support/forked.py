"""Processes that start at once: forked from a server that has imported what is heavy."""

import multiprocessing
from collections.abc import Callable
from typing import Any

import torch.multiprocessing as mp

# only what is installed: the server's path is not the tests'
HEAVY = (
    "lightning.pytorch", "timm", "torch._dynamo", "torchmetrics", "past.train", "past.evaluate",
    "past.models.past.module", "past.models.stpath.module", "past.data.stream.datamodule",
)  # fmt: skip


def forking() -> Any:
    """The context whose processes are forked from the one server."""
    multiprocessing.set_forkserver_preload([*HEAVY])
    return multiprocessing.get_context("forkserver")


def start(work: Callable[..., None], world: int, *arguments: object) -> None:
    """Run `work(rank, *arguments)`, one process a rank; the first error of any is raised here."""
    forking()
    mp.start_processes(work, args=arguments, nprocs=world, start_method="forkserver")
