"""A training through the entry point on several ranks, in processes that have its libraries already."""

import os
import warnings
from collections.abc import Sequence
from datetime import timedelta

import torch
import torch.distributed as dist
from forked import start
from tiny_training import composed

import past.train as entry


def work(rank: int, world: int, port: int, arguments: Sequence[str]) -> None:
    """Train as `rank` of `world`, as torchrun would have it."""
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    os.environ |= {
        "TORCHELASTIC_RUN_ID": "test", "TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0",
        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GROUP_RANK": "0", "GROUP_WORLD_SIZE": "1",
        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(world), "LOCAL_WORLD_SIZE": str(world),
    }  # fmt: skip
    entry.train(composed("train", *arguments))


def train_on_ranks(world: int, arguments: Sequence[str]) -> None:
    """Train, one process a rank; the first error of any is raised here."""
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False, timeout=timedelta(seconds=60))
    start(work, world, world, store.port, arguments)
