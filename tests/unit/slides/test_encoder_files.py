"""What an encoder is called, and what its mark depends on."""

import os
from pathlib import Path

import pytest

from past.slides.encoder_files import checkpoint_in, encoder_name, mark_of


def test_an_encoder_is_called_by_its_name_or_by_its_paths_last_part(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "fold-1").mkdir()
    assert encoder_name(str(tmp_path / "fold-1")) == "fold-1"
    monkeypatch.chdir(tmp_path / "fold-1")
    assert encoder_name(".") == "fold-1"
    assert encoder_name("hf-hub:owner/name") == "hf-hub:owner/name"


def test_a_runs_best_checkpoint_is_meant(tmp_path: Path) -> None:
    assert checkpoint_in(tmp_path) == tmp_path
    best = tmp_path / "checkpoints" / "best.ckpt"
    best.parent.mkdir()
    best.write_bytes(b"")
    assert checkpoint_in(tmp_path) == best


@pytest.mark.parametrize("folder", [False, True])
def test_a_mark_follows_the_files_and_the_settings(tmp_path: Path, folder: bool) -> None:
    weights = tmp_path / "model" / "weights.bin"
    weights.parent.mkdir()
    weights.write_bytes(b"one")
    built_of = {"name": "vit", "weights": str(weights.parent if folder else weights)}
    first = mark_of(built_of)
    assert first is not None
    assert mark_of(built_of) == first
    assert mark_of(built_of | {"name": "other"}) != first
    changed = weights.stat()
    weights.write_bytes(b"two")
    os.utime(weights, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    assert mark_of(built_of) != first
    weights.write_bytes(b"one")
    os.utime(weights, ns=(changed.st_atime_ns, changed.st_mtime_ns + 1))
    assert mark_of(built_of) != first


def test_what_is_downloaded_has_no_mark() -> None:
    assert mark_of({"name": "vit", "weights": "hub"}) is None
    assert mark_of({"name": "vit", "weights": None}) is not None
