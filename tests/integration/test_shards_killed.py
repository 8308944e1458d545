"""Preparation of a Xenium run, killed five times: the shards are those of a run that never stopped, byte for byte."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from platforms import a_bundle, write_xenium

from past.data.shards.index import ShardIndex
from past.data.shards.verify import verify

pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
PROGRAM = """
import os, signal, sys
from webdataset import TarWriter
from past.cli.app import main

left = int(sys.argv.pop(1))
write = TarWriter.write

def dying(tar, member):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(tar, member)

TarWriter.write = dying
main()
"""


def run(bundle: Path, out: Path, members: int) -> int:
    """Run the command, killed after it wrote so many members; return its exit code."""
    options = ["--px", "64", "--cells-per-shard", "7", "--patient", "P"]
    command = [
        sys.executable,
        "-c",
        PROGRAM,
        str(members),
        "shards",
        "xenium",
        str(bundle),
        "--out",
        str(out),
        *options,
    ]
    return subprocess.run(command, capture_output=True).returncode


def test_five_kills_leave_no_trace(tmp_path: Path) -> None:
    bundle = write_xenium(tmp_path / "run", a_bundle(60))
    assert run(bundle, tmp_path / "whole", 10**9) == 0
    for members in (1, 30, 22, 47, 64):  # before the first shard, in its middle, between two, late
        assert run(bundle, tmp_path / "killed", members) == -signal.SIGKILL
        assert not (tmp_path / "killed" / "index.json").exists()
    assert run(bundle, tmp_path / "killed", 10**9) == 0
    whole, killed = (
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "whole", tmp_path / "killed")
    )
    assert whole == killed
    index = ShardIndex.read(tmp_path / "killed")
    assert (index.samples, len(index.shards)) == (60, 9)
    assert verify(index, workers=1) == []
