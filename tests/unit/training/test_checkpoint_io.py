import os
import pickle
from pathlib import Path

import pytest
import torch

from past.base.errors import CheckpointError, NoSpaceError
from past.training.checkpoint_io import AtomicCheckpointIO, newest_good_checkpoint, read_checkpoint


def save(path: Path, step: int) -> None:
    AtomicCheckpointIO().save_checkpoint({"state_dict": {"w": torch.ones(2)}, "global_step": step}, path)


def test_the_newest_whole_checkpoint_is_found(tmp_path: Path) -> None:
    save(tmp_path / "best.ckpt", 10)
    save(tmp_path / "last.ckpt", 30)
    assert newest_good_checkpoint(tmp_path) == tmp_path / "last.ckpt"
    whole = (tmp_path / "last.ckpt").read_bytes()
    (tmp_path / "last.ckpt").write_bytes(whole[: len(whole) // 2])
    assert newest_good_checkpoint(tmp_path) == tmp_path / "best.ckpt"
    assert newest_good_checkpoint(tmp_path / "nothing") is None


def test_a_failed_save_leaves_the_earlier_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "last.ckpt", 1)

    def full_disk(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(NoSpaceError, match=r"last.ckpt: no space left on its disk"):
        save(tmp_path / "last.ckpt", 2)
    assert read_checkpoint(tmp_path / "last.ckpt")["global_step"] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]


class Hostile:
    def __reduce__(self) -> tuple[object, ...]:
        return (os.mkdir, ("executed",))


def test_code_in_a_checkpoint_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.ckpt").write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(CheckpointError, match=r"bad\.ckpt: cannot be read"):
        read_checkpoint(tmp_path / "bad.ckpt")
    assert not (tmp_path / "executed").exists()


def test_a_missing_file_or_a_file_of_something_else_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        read_checkpoint(tmp_path / "none.ckpt")
    torch.save({"weights": torch.ones(1)}, tmp_path / "weights.ckpt")
    with pytest.raises(CheckpointError, match="holds no training state"):
        read_checkpoint(tmp_path / "weights.ckpt")
