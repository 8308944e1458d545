import shutil
from dataclasses import replace

import pytest
from toy_sections import GENES, SETTINGS, ToySource

from past.base.errors import DataError
from past.data.shards.merge import merge
from past.data.shards.settings import SectionProgress, read_progress
from past.data.shards.writers import write_set


@pytest.fixture
def root(tmp_path):
    write_set(tmp_path, [ToySource("A", 6), ToySource("B", 6)], SETTINGS, GENES)
    return tmp_path


def change(root, name, **changes):
    replace(SectionProgress.read(SectionProgress.path(root, name)), **changes).save(root)


def test_merging_again_changes_nothing(root):
    before = (root / "index.json").read_bytes()
    assert merge(root).samples == 12
    assert (root / "index.json").read_bytes() == before


def test_the_same_source_under_two_names_is_refused(root):
    change(root, "B", origin={"name": "A", "content": 0})
    with pytest.raises(DataError, match="the same source is there twice, in A and B"):
        merge(root)


def test_the_same_shard_under_two_names_is_refused(root):
    shutil.copy(root / "A-000000.tar", root / "B-000000.tar")
    there = SectionProgress.read(SectionProgress.path(root, "A")).shards
    change(root, "B", shards=(replace(there[0], name="B-000000.tar", section="B"),))
    with pytest.raises(DataError, match="the same shard is there twice, in A and B"):
        merge(root)


@pytest.mark.parametrize(
    ("changes", "what"), [({"settings": {"px": 1}}, "settings"), ({"genes_hash": "0"}, "gene list")]
)
def test_sections_of_another_set_are_refused(root, changes, what):
    change(root, "B", **changes)
    with pytest.raises(DataError, match=f"section B was written with another {what}"):
        merge(root)


def test_a_cut_off_shard_is_refused(root):
    with (root / "B-000001.tar").open("r+b") as file:
        file.truncate(100)
    with pytest.raises(DataError, match=r"B-000001\.tar: missing, or not the"):
        merge(root)


def test_nothing_to_merge(tmp_path, root):
    with pytest.raises(DataError, match=r"no settings\.json there"):
        merge(tmp_path / "elsewhere")
    for progress in read_progress(root):
        SectionProgress.path(root, progress.name).unlink()
    with pytest.raises(DataError, match="no sections to join"):
        merge(root)


def test_sections_that_are_not_complete_are_named(root):
    change(root, "B", complete=False)
    with pytest.raises(DataError, match=r"1 of 2 sections are not complete \(B\): run their writer again"):
        merge(root)
