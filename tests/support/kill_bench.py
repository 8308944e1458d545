"""Runs the benchmark in children that are killed at random moments, then whole; prints what the results hash to.

python kill_bench.py ROOT OUT: one JSON line, {"whole": {file: sha256}, "killed": [how many files each], "after": {…}}.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from past.evaluation.hest_bench import HestBench
from past.models.colour import ColourGrid

KILLS = 5


def run(root: Path, out: Path) -> None:
    bench = HestBench(root, out / "cache", components=4, resamples=20, batch_size=4)
    bench({"two": ColourGrid(2), "four": ColourGrid(4)}, out / "results", {})


def in_child(root: Path, out: Path, after: float | None) -> int:
    child = os.fork()
    if child == 0:
        if after is not None:
            signal.setitimer(signal.ITIMER_REAL, after)  # SIGALRM, unhandled, ends the process as SIGKILL would
        run(root, out)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def hashes(results: Path) -> dict[str, str]:
    files = sorted(path for path in results.rglob("*") if path.is_file())
    return {str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main(root: Path, out: Path) -> None:
    torch.set_num_threads(1)  # a pool of threads does not survive the fork
    start = time.perf_counter()
    assert in_child(root, out / "whole", None) == 0
    took = time.perf_counter() - start
    chance = random.Random(0)
    killed = [in_child(root, out / "killed", chance.uniform(0.05, 0.95) * took) for _ in range(KILLS)]
    status = in_child(root, out / "killed", None)
    print(
        json.dumps(
            {
                "whole": hashes(out / "whole" / "results"),
                "after": hashes(out / "killed" / "results"),
                "kills": sum(os.WIFSIGNALED(ended) for ended in killed),
                "status": status,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
