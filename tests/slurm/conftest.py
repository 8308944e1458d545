"""A real SLURM of two virtual nodes for the session, an environment to submit from, and a tiny tissue."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tissues import SYNTHETIC
from typer.testing import CliRunner

from past.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("slurmctld", "slurmd", "sbatch", "munged")
NOT_PASSED_ON = ("PAST_RUN_ID", "WORLD_SIZE", "LD_PRELOAD")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment in which sbatch finds the cluster and jobs find this Python."""
    sandbox = Path(os.environ.get("PAST_SLURM_SANDBOX", ROOT.parent / "shared" / "tools" / "slurm-sandbox.sh"))
    if not sandbox.is_file():
        pytest.skip(f"PAST_SLURM_SANDBOX: no file {sandbox}")
    search = os.environ["PATH"] + ":/usr/local/sbin:/usr/sbin:/sbin"
    missing = [command for command in NEEDED if shutil.which(command, path=search) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)}: apt-get install slurmctld slurmd slurm-client munge")
    asked = {"SLURM_SANDBOX_CPUS": "4", "SLURM_SANDBOX_GPUS": "2", "SLURM_SANDBOX_SACCT": "1"}
    own = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON and "SLURM" not in name}
    started = subprocess.run([sandbox, "start"], env=own | asked, capture_output=True, text=True, check=False)
    assert started.returncode == 0, started.stderr
    exports = dict(re.findall(r"export (\w+)=(\S+?);?$", started.stdout, re.MULTILINE))
    directory = exports["SLURM_SANDBOX_DIR"]
    support = f"{ROOT / 'tests' / 'support'}:{ROOT}"
    environment = own | {"SLURM_CONF": exports["SLURM_CONF"], "SLURM_SANDBOX_DIR": directory}
    environment |= {"PATH": f"{directory}/bin:{Path(sys.executable).parent}:{search}", "VENV": "none"}
    environment |= {"PYTHONPATH": support, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    yield environment
    subprocess.run([sandbox, "clean"], env=environment, capture_output=True, check=False)


@pytest.fixture(scope="session")
def tissue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards of three synthetic patients, made by one process."""
    out = tmp_path_factory.mktemp("tissue") / "shards"
    assert CliRunner().invoke(app, ["shards", *SYNTHETIC, "--out", str(out)], catch_exceptions=False).exit_code == 0
    return out
