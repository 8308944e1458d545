"""Runs the benchmark in children that are killed at drawn writes, then whole; prints what the results hash to.

python kill_bench.py ROOT OUT: one JSON line, {"whole": {file: sha256}, "after": {file: sha256}, "kills": how many
children were killed, "status": of the child that went on to the end}.
"""

import hashlib
import json
import os
import random
import sys
from pathlib import Path

import torch
from dying import die_at
from tiny_bench import judge

from past.evaluation.hest.task import HestBench
from past.nn.colour import ColourGrid

KILLS = 5


def run(root: Path, out: Path) -> None:
    bench = HestBench(root, out / "cache", components=4, batch_size=8)
    judge(bench, {"two": ColourGrid(2), "four": ColourGrid(4)}, out / "results")


def in_child(root: Path, out: Path, write: int | None) -> int:
    child = os.fork()
    if child == 0:
        if write is not None:
            die_at(write)
        run(root, out)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def hashes(results: Path) -> dict[str, str]:
    files = sorted(path for path in results.rglob("*") if path.is_file())
    return {str(path.relative_to(results)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def main(root: Path, out: Path) -> None:
    torch.set_num_threads(1)  # a pool of threads does not survive the fork
    assert in_child(root, out / "whole", None) == 0
    whole = hashes(out / "whole" / "results")
    chance = random.Random(0)
    # Every run writes all files of results but the origin again, so no draw comes after its end.
    killed = [in_child(root, out / "killed", chance.randrange(1, len(whole))) for _ in range(KILLS)]
    status = in_child(root, out / "killed", None)
    print(
        json.dumps(
            {
                "whole": whole,
                "after": hashes(out / "killed" / "results"),
                "kills": sum(os.WIFSIGNALED(ended) for ended in killed),
                "status": status,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
