import os
import pickle
from pathlib import Path

import pytest
import torch
from damaged import zero_a_page

from past.base.errors import CheckpointError, NoSpaceError
from past.training import checkpoint_io
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


@pytest.mark.parametrize("step", ["s3://bucket/key", [1], None, float("inf")])
def test_one_that_says_no_update_is_passed_over(tmp_path: Path, step: object, caplog: pytest.LogCaptureFixture) -> None:
    save(tmp_path / "best.ckpt", 10)
    torch.save({"state_dict": {}, "global_step": step}, tmp_path / "last.ckpt")
    assert newest_good_checkpoint(tmp_path) == tmp_path / "best.ckpt"
    assert "last.ckpt is passed over" in caplog.text


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


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save(tmp_path / "best.ckpt", 10)
    save(tmp_path / "last.ckpt", 30)
    zero_a_page(tmp_path / "last.ckpt")
    assert newest_good_checkpoint(tmp_path) == tmp_path / "best.ckpt"
    assert "last.ckpt is passed over" in caplog.text
    with pytest.raises(CheckpointError, match=r"last\.ckpt: damaged \(Bad CRC-32"):
        read_checkpoint(tmp_path / "last.ckpt")
    zero_a_page(tmp_path / "best.ckpt")
    with pytest.raises(CheckpointError, match=r"nothing to go on from, last\.ckpt and best\.ckpt cannot be read: put"):
        newest_good_checkpoint(tmp_path)


def test_only_the_newest_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in (10, 20, 30):
        save(tmp_path / f"{step}.ckpt", step)
    read: list[str] = []
    monkeypatch.setattr(checkpoint_io, "require_checksums", lambda path: read.append(path.name))
    assert newest_good_checkpoint(tmp_path) == tmp_path / "30.ckpt"
    assert read == ["30.ckpt"]


def test_a_missing_one_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    save(tmp_path / "last.ckpt", 1)
    with pytest.raises(CheckpointError, match=r"best\.ckpt: no such checkpoint; give .*last\.ckpt$"):
        read_checkpoint(tmp_path / "best.ckpt")
