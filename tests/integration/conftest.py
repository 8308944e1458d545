"""One tiny tissue for all trainings, and an environment that a training may change."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from past.cli.app import app


@pytest.fixture(scope="session")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of three synthetic patients with 40 cells each."""
    out = tmp_path_factory.mktemp("tissue") / "shards"
    asked = ["shards", "synthetic", "--patients", "3", "--cells", "40", "--px", "32", "--out", str(out)]
    assert CliRunner().invoke(app, asked, catch_exceptions=False).exit_code == 0
    return out


@pytest.fixture
def training_environment() -> Iterator[None]:
    """One thread, so that sums have one order; what a training puts into the environment goes with it."""
    before, threads = dict(os.environ), torch.get_num_threads()
    for name in ("PAST_RUN_ID", "WANDB_MODE", "SLURM_PROCID", "WORLD_SIZE"):
        os.environ.pop(name, None)
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    os.environ.clear()
    os.environ.update(before)
