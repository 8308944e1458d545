"""A set's settings and its sections' progress: they come back as they were, and what was changed by hand is refused."""

import json
from dataclasses import replace

import pytest
from toy_sections import GENES, SETTINGS, ToySource

from past.base.errors import ConfigError, DataError
from past.data.shards.entries import Shard
from past.data.shards.merge import merge
from past.data.shards.settings import (
    SectionProgress,
    check_names,
    check_settings,
    claim_settings,
    read_progress,
    read_settings,
)
from past.data.shards.writers import write_set


@pytest.fixture
def root(tmp_path):
    write_set(tmp_path, [ToySource("A", 6), ToySource("B", 6)], SETTINGS, GENES)
    return tmp_path


def test_progress_comes_back_as_it_was_saved(tmp_path):
    shard = Shard("A-b-000000.tar", 3, 10_240, "0" * 64, "A b", ("P",))
    progress = SectionProgress("A b", True, {"seed": 1}, {"px": 16}, "abc", {"cells": 3}, (shard,))
    progress.save(tmp_path)
    assert (tmp_path / "sections" / "A-b.json").is_file()
    assert read_progress(tmp_path) == [progress]


def test_the_first_writer_settles_the_settings(tmp_path):
    check_settings(tmp_path, SETTINGS, GENES)  # nothing there: anything goes
    claim_settings(tmp_path, SETTINGS, GENES)
    claim_settings(tmp_path, SETTINGS, GENES)
    content = read_settings(tmp_path)
    assert (content["settings"]["px"], content["settings"]["cells_per_shard"], content["genes"]) == (16, 4, list(GENES))
    with pytest.raises(DataError, match="holds shards of px 16, these would be of 17"):
        claim_settings(tmp_path, replace(SETTINGS, px=17), GENES)


def test_names_that_fit_no_file_are_refused():
    check_names(["A", "B", "x" * 80])
    with pytest.raises(DataError, match="has 81 letters, 80 fit"):
        check_names(["x" * 81])
    with pytest.raises(DataError, match=r"two sections are called 'A b' and 'A\.b'"):
        check_names(["A b", "C", "A.b"])


def test_settings_that_cannot_work():
    with pytest.raises(ConfigError, match="image format 'bmp': use one of jpg, webp, png"):
        replace(SETTINGS, image_format="bmp")
    with pytest.raises(ConfigError, match="must be above 0"):
        replace(SETTINGS, mpp=-1.0)


def test_progress_that_cannot_be_read_is_named(root):
    path = SectionProgress.path(root, "A")
    whole = path.read_text()
    for text, said in (
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON that is read here"),
        ("[]", "not a section's progress"),
        ('{"name": "A", "shards": [5]}', "not a section's progress"),
        (whole.replace('"samples": 4', '"samples": 1e300'), "not a section's progress"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=rf"A\.json: {said}"):
            merge(root)


def test_settings_changed_by_hand_are_refused(root):
    path = root / "settings.json"
    path.write_text(path.read_text().replace('"G3"', '"H3"'))
    with pytest.raises(DataError, match="the gene list does not match its hash"):
        merge(root)


@pytest.mark.parametrize("lost", ["settings", "px"])
def test_settings_that_lack_something_are_refused(root, lost):
    path = root / "settings.json"
    content = json.loads(path.read_text())
    content.get("settings" if lost == "px" else "", content).pop(lost)
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"settings\.json: cannot be read.*: restore it, or write to another --out$"):
        check_settings(root, SETTINGS, GENES)
