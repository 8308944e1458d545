"""Writers that know nothing of each other, in one directory at one time."""

import hashlib
import multiprocessing

from toy_sections import GENES, SETTINGS, ToySource

from past.data.shards.index import ShardIndex
from past.data.shards.verify import verify
from past.data.shards.writers import write_set

SOURCES = [ToySource(name, 9, f"P{i}") for i, name in enumerate("ABCDE")]


def write(root, only, barrier):
    barrier.wait()
    write_set(root, SOURCES, SETTINGS, GENES, only=only)


def test_an_array_job_ends_in_the_index_of_one_writer(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    barrier = spawn.Barrier(3)
    parts = (["A", "B"], ["C", "D"], ["D", "E"])  # D is written twice at once, as when a task is started again
    writers = [spawn.Process(target=write, args=(tmp_path / "many", part, barrier)) for part in parts]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    write_set(tmp_path / "one", SOURCES, SETTINGS, GENES)
    many, one = (
        {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}
        for root in (tmp_path / "many", tmp_path / "one")
    )
    assert many == one
    assert verify(ShardIndex.read(tmp_path / "many")) == []
