"""What slurm/env.sh decides when a step has ended: whether the job comes back."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# scontrol stands in for SLURM's
SCRIPT = """
source slurm/env.sh
scontrol() { echo "scontrol $*"; }
if [ "$2" = yes ]; then touch -- "$3/toy/$PAST_RUN_ID/checkpoints/last.ckpt"; fi
come_back_or_exit "$1" experiment=demo "output_root=$3"
"""


@pytest.mark.parametrize(
    ("code", "written", "restarts", "back"),
    [
        (138, "no", 0, True),  # USR1
        (138, "no", 10, True),
        (137, "yes", 0, True),  # a rank was killed
        (137, "yes", 10, False),
        (137, "no", 0, False),  # it would be killed there again
        (134, "no", 0, False),  # NCCL's abort, since a rank had ended with 1
        (1, "yes", 0, False),
    ],
)
def test_a_job_comes_back_after_a_signal_if_it_got_further(
    code: int, written: str, restarts: int, back: bool, tmp_path: Path
) -> None:
    last = tmp_path / "toy" / "4711" / "checkpoints" / "last.ckpt"
    last.parent.mkdir(parents=True)
    last.touch()
    os.utime(last, (1e9, 1e9))  # of an earlier life
    job = {"SLURM_JOB_ID": "4711", "PAST_RUN_ID": "4711", "SLURM_RESTART_COUNT": str(restarts)}
    done = subprocess.run(
        ["bash", "-c", SCRIPT, "job", str(code), written, str(tmp_path)],
        cwd=ROOT, env={**os.environ, **job}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert ("scontrol requeue 4711" in done.stdout) == back
