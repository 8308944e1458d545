"""Ranks that read together stop together: each knows how the others fare before it uses a batch."""

import logging
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch.distributed as dist
import torch.multiprocessing as mp
from shards import GENES, SIDE, keys_of, members, tar_of, write_set

from past.base.errors import DataError
from past.data.shards.index import ShardIndex
from past.data.shards.reader import OnError
from past.data.stream.agreement import Agreement
from past.data.stream.loader import RankReader, TrainingLoader
from past.data.stream.plan import Reading
from past.models.past.samples.batches import BatchMaker
from past.models.past.samples.tokens import Tokenizer


def loader(root: str, rank: int, world: int, workers: int = 2, on_error: OnError = "raise") -> TrainingLoader:
    index = ShardIndex.read(root)
    tokenizer = Tokenizer(GENES, GENES, {"Xenium": np.ones(len(GENES))}, context=8, neighbours=2)
    make = BatchMaker(tokenizer, SIDE, on_error=on_error)
    reading = Reading(world, batch_size=4, open_shards=5, buffer=20)
    return TrainingLoader(RankReader(index, make, reading, rank, 7, workers, Agreement(), max_skipped=0.05))


def rank_main(rank: int, world: int, root: str, out: str, read: Callable[[str, int, int], list[str]]) -> None:
    logging.disable(logging.CRITICAL)
    dist.init_process_group("gloo", init_method=f"file://{out}/store", rank=rank, world_size=world)
    try:
        lines = read(root, rank, world)
    except DataError as error:
        lines = ["stopped", str(error)]
    Path(out, f"rank{rank}.txt").write_text("\n".join(lines))
    dist.destroy_process_group()


def run(read: Callable[[str, int, int], list[str]], root: Path, out: Path, world: int = 2) -> list[list[str]]:
    out.mkdir()
    mp.start_processes(rank_main, (world, str(root), str(out), read), nprocs=world, start_method="fork")
    return [(out / f"rank{rank}.txt").read_text().splitlines() for rank in range(world)]


def read_all(root: str, rank: int, world: int) -> list[str]:
    return [key for batch in loader(root, rank, world) for key in batch.keys]


def skip_all(root: str, rank: int, world: int) -> list[str]:
    return [key for batch in loader(root, rank, world, on_error="skip") for key in batch.keys]


def lose_shards(root: str, rank: int, world: int) -> list[str]:
    """Somebody removes the shards when one batch is read."""
    batches = iter(loader(root, rank, world))
    next(batches)
    if rank == 0:
        for path in Path(root).glob("*.tar"):
            path.unlink()
    return [key for batch in batches for key in batch.keys]


def exchange_shards(root: str, rank: int, world: int) -> list[str]:
    """Somebody puts others in the place of the shards."""
    batches = iter(loader(root, rank, world))
    next(batches)
    if rank == 0:
        for path in Path(root).glob("*.tar"):
            path.with_suffix(".new").write_bytes(tar_of(members(0)))
            path.with_suffix(".new").replace(path)
    return [key for batch in batches for key in batch.keys]


def lose_a_worker(root: str, rank: int, world: int) -> list[str]:
    batches = iter(loader(root, rank, world))
    next(batches)
    if rank == 1:
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
    try:
        return [key for batch in batches for key in batch.keys]
    except RuntimeError as error:  # torch's own, on the rank that lost it
        return ["stopped", str(error)]


def die_at_the_second_batch(root: str, rank: int, world: int) -> list[str]:
    batches = iter(loader(root, rank, world, workers=0))
    next(batches)
    if rank == 1:
        Path(root, "rank 1 died").touch()
        os._exit(0)
    return [key for batch in batches for key in batch.keys]


@pytest.mark.parametrize("world", [2, 3])
def test_ranks_share_every_cell(tmp_path: Path, world: int) -> None:
    index = write_set(tmp_path / "set", [9, 3, 8, 15])
    got = run(read_all, tmp_path / "set", tmp_path / "out", world)
    assert sorted(key for rank in got for key in rank) == sorted(keys_of(index))


def test_a_reading_error_on_one_rank_stops_all_with_its_message(tmp_path: Path) -> None:
    index = write_set(tmp_path / "set", [20, 20])
    content = bytearray((tmp_path / "set" / index.shards[0].name).read_bytes())
    place = content.index(b"S0_0000013.npz") + 512
    content[place : place + 100] = bytes(100)
    (tmp_path / "set" / index.shards[0].name).write_bytes(content)
    got = run(read_all, tmp_path / "set", tmp_path / "out")
    assert got[0] == got[1]
    assert got[0][0] == "stopped"
    assert "S0-000000.tar: sample S0_0000013: " in got[0][1]
    assert got[0][1].startswith("rank ")


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lose_shards, r"cannot be opened \(No such file or directory\): restore it, or make it again"),
        (exchange_shards, r"[\d,]+ bytes, the index says [\d,]+: it was exchanged; restore it, or make the set again"),
    ],
)
def test_a_shard_that_goes_in_mid_epoch_is_named_on_all_ranks(
    tmp_path: Path, read: Callable[[str, int, int], list[str]], told: str
) -> None:
    write_set(tmp_path / "set", [8] * 24)
    first, second = run(read, tmp_path / "set", tmp_path / "out")
    assert first == second
    assert re.match(rf"rank \d: {tmp_path}/set/S\d+-000000.tar: {told}", first[1])


def test_too_many_skipped_over_all_ranks_stop_all_together(tmp_path: Path) -> None:
    index = write_set(tmp_path / "set", [12] * 5)
    cut = tmp_path / "set" / index.shards[0].name
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    got = run(skip_all, tmp_path / "set", tmp_path / "out")
    assert [rank[0] for rank in got] == ["stopped", "stopped"]
    for rank in got:
        assert "of 60 samples could not be read, more than data.max_skipped=0.05 allows" in rank[1]


def test_a_rank_that_loses_a_worker_stops_the_others(tmp_path: Path) -> None:
    write_set(tmp_path / "set", [200, 200])
    got = run(lose_a_worker, tmp_path / "set", tmp_path / "out")
    assert [rank[0] for rank in got] == ["stopped", "stopped"]
    # torch raises from a signal's handler, wherever the rank is: it cannot always tell the others why
    assert re.match(r"rank 1: |another rank is gone", got[0][1])
    assert "DataLoader worker" in got[1][1]


def test_a_rank_that_dies_is_not_waited_for(tmp_path: Path) -> None:
    write_set(tmp_path / "set", [200, 200])
    out = tmp_path / "out"
    out.mkdir()
    arguments = (2, str(tmp_path / "set"), str(out), die_at_the_second_batch)
    mp.start_processes(rank_main, arguments, nprocs=2, start_method="fork")
    assert (tmp_path / "set" / "rank 1 died").exists()
    assert "another rank is gone" in (out / "rank0.txt").read_text()
