"""Sets in the making: any number of writers, killed, refused or out of room, end in the same bytes."""

import errno
import hashlib
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest
from toy_sections import GENES, SETTINGS, ToySource
from webdataset import TarWriter

from past.base.errors import DataError, NoSpaceError
from past.data.shards.index import ShardIndex
from past.data.shards.merge import merge
from past.data.shards.settings import SectionProgress
from past.data.shards.verify import verify
from past.data.shards.writers import write_set

SOURCES = [ToySource("A", 10, "P1"), ToySource("B", 7, "P1"), ToySource("C", 4, "P2")]


def content_of(root: Path) -> dict[str, str]:
    """Hash of every file below a directory, hidden ones too."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def whole(tmp_path):
    """The set as one writer makes it, undisturbed."""
    write_set(tmp_path / "whole", SOURCES, SETTINGS, GENES)
    return tmp_path / "whole"


def test_the_index_counts_what_was_written(whole):
    index = ShardIndex.read(whole)
    assert [shard.name for shard in index.shards] == [
        "A-000000.tar", "A-000001.tar", "A-000002.tar", "B-000000.tar", "B-000001.tar", "C-000000.tar"
    ]  # fmt: skip
    assert [shard.samples for shard in index.shards] == [4, 4, 2, 4, 3, 4]
    assert index.patients == ("P1", "P2")
    assert index.genes == GENES
    assert index.settings == {
        "source": "toy", "px": 16, "mpp": 0.5, "neighbours": 3, "image_format": "png", "cells_per_shard": 4,
        "benchmark": "refused",
    }  # fmt: skip
    assert index.sections["B"] == {
        "patient": "P1", "organ": "breast", "technology": "Xenium", "species": "Homo sapiens", "cells": 7, "seen": True,
        "source": {"name": "B", "content": 0},
    }  # fmt: skip
    assert verify(index) == []


def test_a_finished_command_is_done_at_once(whole, monkeypatch):
    before = content_of(whole)
    monkeypatch.setattr(ToySource, "open", lambda *_: pytest.fail("opened a finished section"))
    assert write_set(whole, SOURCES, SETTINGS, GENES) is not None
    assert content_of(whole) == before


@pytest.mark.parametrize("dies_at", [0, 3, 4, 9])
def test_a_killed_writer_goes_on_where_it_was(whole, tmp_path, dies_at):
    root = tmp_path / "killed"
    dying = [replace(SOURCES[0], dies_at=dies_at), *SOURCES[1:]]
    writer = multiprocessing.get_context("spawn").Process(target=write_set, args=(root, dying, SETTINGS, GENES))
    writer.start()
    writer.join()
    assert writer.exitcode == -9
    counted = SectionProgress.read(SectionProgress.path(root, "A")).shards
    assert sum(shard.samples for shard in counted) == 4 * (dies_at // 4)
    assert not (root / "index.json").exists()
    with pytest.raises(DataError, match=r"3 of 3 sections are not complete \(A, B, C\)"):
        merge(root) if (root / "settings.json").exists() else pytest.fail("no settings")
    kept = {shard.name: (root / shard.name).stat().st_mtime_ns for shard in counted}
    write_set(root, SOURCES, SETTINGS, GENES)
    assert content_of(root) == content_of(whole)
    assert {name: (root / name).stat().st_mtime_ns for name in kept} == kept


def test_a_shard_that_vanished_is_written_again(whole, tmp_path):
    before = content_of(whole)
    (whole / "A-000001.tar").unlink()
    with pytest.raises(DataError, match=r"A-000001\.tar: missing"):
        merge(whole)
    write_set(whole, SOURCES, SETTINGS, GENES)
    assert content_of(whole) == before


def test_a_full_disk_is_one_sentence_and_counts_nothing_half_made(whole, tmp_path, monkeypatch):
    written = []

    def until_full(tar, member, write=TarWriter.write):
        written.append(member)
        if len(written) > 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(tar, member)

    root = tmp_path / "full"
    with monkeypatch.context() as patch:
        patch.setattr(TarWriter, "write", until_full)
        with pytest.raises(NoSpaceError, match=r"A-000001.tar: no space left on its disk, where .* and run the same"):
            write_set(root, SOURCES[:1], SETTINGS, GENES)
    assert sorted(path.name for path in root.iterdir()) == ["A-000000.tar", "sections", "settings.json"]
    write_set(root, SOURCES, SETTINGS, GENES)
    assert content_of(root) == content_of(whole)


def test_writers_of_an_array_job_work_side_by_side(whole, tmp_path):
    root = tmp_path / "array"
    assert write_set(root, SOURCES, SETTINGS, GENES, only=["B"]) is None
    assert write_set(root, SOURCES, SETTINGS, GENES, only=["A"]) is None
    assert not (root / "index.json").exists()
    assert write_set(root, SOURCES, SETTINGS, GENES, only=["C"]) is not None
    assert content_of(root) == content_of(whole)


def test_processes_write_the_same_bytes(whole, tmp_path):
    seen = []
    write_set(tmp_path / "pool", SOURCES, SETTINGS, GENES, workers=2, report=lambda *args: seen.append(args))
    assert content_of(tmp_path / "pool") == content_of(whole)
    assert {("A", 10, 10), ("B", 7, 7), ("C", 4, 4)} <= set(seen)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_broken_section_does_not_stop_the_others(tmp_path, workers):
    broken = [SOURCES[0], ToySource("X", broken=True), SOURCES[2], ToySource("Y", broken=True)]
    with pytest.raises(DataError) as caught:
        write_set(tmp_path, broken, SETTINGS, GENES, workers=workers)
    assert str(caught.value) == "X: broken on purpose\nY: broken on purpose"
    assert len(list(tmp_path.glob("*.tar"))) == 4
    with pytest.raises(DataError, match=r"2 of 4 sections are not complete \(X, Y\)"):
        merge(tmp_path)


@pytest.mark.parametrize(
    ("sources", "settings", "genes", "message"),
    [
        (SOURCES, replace(SETTINGS, px=32), GENES, "holds shards of px 16, these would be of 32"),
        (SOURCES, replace(SETTINGS, mpp=None), GENES, "holds shards of mpp 0.5, these would be of None"),
        (SOURCES, SETTINGS, GENES[::-1], r"another gene list \(12 names, this one has 12\): add sections with --genes"),
        ([ToySource("A", content=1)], SETTINGS, GENES, "holds section A from another source"),
        ([ToySource("D E"), ToySource("D.E")], SETTINGS, GENES, "two sections are called 'D E' and 'D.E'"),
        ([ToySource("x" * 81)], SETTINGS, GENES, "81 letters, 80 fit"),
    ],
)
def test_other_shards_are_refused_and_left_as_they_are(whole, sources, settings, genes, message):
    before = content_of(whole)
    with pytest.raises(DataError, match=message):
        write_set(whole, sources, settings, genes)
    assert content_of(whole) == before


def test_shards_of_another_program_are_left_as_they_are(tmp_path):
    (tmp_path / "train-0.tar").write_bytes(b"theirs")
    with pytest.raises(DataError, match=r"holds shards but no settings\.json"):
        write_set(tmp_path, SOURCES, SETTINGS, GENES)
    assert [path.name for path in tmp_path.iterdir()] == ["train-0.tar"]


def test_sections_can_be_added(whole):
    index = write_set(whole, [ToySource("D", 5, "P3")], SETTINGS, GENES)
    assert index is not None
    assert list(index.sections) == ["A", "B", "C", "D"]
    assert index.samples == 26
