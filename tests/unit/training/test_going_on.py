from pathlib import Path
from typing import Any

import pytest
import torch

from past.base.errors import CheckpointError, ConfigError
from past.base.runs import Run
from past.training.checkpoint_io import AtomicCheckpointIO
from past.training.going_on import changed_settings, keep_former_settings, place_to_start, read_start

CONFIG = {
    "run_id": "one", "ckpt": "auto", "encoder": {"name": "a"}, "model": {"image_encoder": {"name": "a"}},
    "module": {"optim": {"lr": 0.001}}, "data": {"root": "here", "num_workers": 2},
    "trainer": {"max_steps": 50, "max_epochs": None},
}  # fmt: skip
TRAINED_ON = {"sections": ["S1"], "patients": ("A",)}


def save(path: Path, step: int, **config: Any) -> Path:
    about = {"config": CONFIG | config, "trained_on": TRAINED_ON, "tokenizer": {"vocabulary_hash": "x"}}
    content = {"state_dict": {"w": torch.ones(2)}, "global_step": step, "epoch": step // 10, "past": about}
    AtomicCheckpointIO().save_checkpoint(content, path)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "runs", "demo", "one")


def test_a_new_run_begins_where_it_is_asked_to(run: Run) -> None:
    assert place_to_start(run, "auto") is None
    assert place_to_start(run, None) is None
    assert place_to_start(run, "other/last.ckpt") == Path("other/last.ckpt")


def test_a_run_with_checkpoints_goes_on_and_is_not_trained_over(run: Run, tmp_path: Path) -> None:
    last = save(run.checkpoints / "last.ckpt", 30)
    best = save(run.checkpoints / "best.ckpt", 20)
    other = save(tmp_path / "other.ckpt", 99)
    assert place_to_start(run, "auto") == last
    assert place_to_start(run, str(best)) == best
    for asked in (None, str(other)):
        with pytest.raises(
            ConfigError, match=rf"^ckpt={asked} would train over what is in .*checkpoints: give another"
        ):
            place_to_start(run, asked)
    save(last, 40, ckpt=str(other))
    assert place_to_start(run, str(other)) == last  # the same command again, as a requeued job gives it


def test_broken_checkpoints_are_not_trained_over(run: Run) -> None:
    save(run.checkpoints / "last.ckpt", 30).write_bytes(b"broken")
    with pytest.raises(CheckpointError, match=r"last\.ckpt cannot be read: put a copy in place, or begin anew under"):
        place_to_start(run, "auto")


def test_a_checkpoint_of_another_program_is_named(tmp_path: Path) -> None:
    torch.save({"state_dict": {"w": torch.ones(2)}, "global_step": 3}, tmp_path / "other.ckpt")
    with pytest.raises(
        CheckpointError, match=r"other\.ckpt: not a checkpoint of train\.py: give one that is, or released"
    ):
        read_start(tmp_path / "other.ckpt")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"global_step": "../../other"}, "its global_step is '../../other'"),
        ({"epoch": None}, "its epoch is None"),
        ({"past": {"tokenizer": [], "config": {}}}, r"its tokenizer is \[\]"),
        ({"past": {"tokenizer": {}, "config": {}}}, "its tokenizer has no vocabulary_hash"),
        ({"past": {"tokenizer": {"vocabulary_hash": "x"}, "config": "lr: 1"}}, "its config is 'lr: 1'"),
        (
            {"past": {"tokenizer": {"vocabulary_hash": "x"}, "config": {"lr": torch.ones(2)}}},
            "its settings are no plain values",
        ),
    ],
)
def test_a_checkpoint_that_was_edited_is_one_sentence(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    about = {"tokenizer": {"vocabulary_hash": "x"}, "config": {}}
    torch.save({"state_dict": {}, "global_step": 3, "epoch": 0, "past": about, **change}, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match=rf"a\.ckpt: {told}.*: take the file as train\.py wrote it$"):
        read_start(tmp_path / "a.ckpt")


def changed(run: Run, **config: Any) -> dict[str, str]:
    return changed_settings(run.checkpoints / "last.ckpt", run, CONFIG | config, TRAINED_ON)


def test_what_its_weights_were_trained_with_is_refused_and_told_once(run: Run, tmp_path: Path) -> None:
    save(run.checkpoints / "last.ckpt", 30)
    assert changed(run) == {}
    with pytest.raises(ConfigError) as refusal:
        changed(
            run, encoder={"name": "b"}, model={"image_encoder": {"name": "b"}}, module={"optim": {"lr": 0.1}},
            data={"root": "here", "num_workers": 4},
        )  # fmt: skip
    assert str(refusal.value) == (
        f"{run.directory} was trained with other settings (encoder.name: a → b, module.optim.lr: 0.001 → 0.1): "
        f"give the old ones, or another run_id, with ckpt={run.checkpoints}/last.ckpt if it is to begin from these "
        "weights"
    )
    elsewhere = save(tmp_path / "elsewhere.ckpt", 30)
    assert changed_settings(elsewhere, run, CONFIG | {"module": {}}, TRAINED_ON) == {}  # a run that begins


def test_how_it_runs_and_where_may_change_and_so_may_its_end(run: Run) -> None:
    save(run.checkpoints / "last.ckpt", 30)
    longer = {"max_steps": 90, "max_epochs": 7}
    assert changed(run, trainer=longer, data={"root": "there", "num_workers": 4}, ckpt="x", since={"then": 1}) == {
        "trainer.max_steps": "50 → 90", "trainer.max_epochs": "None → 7", "data.root": "here → there",
        "data.num_workers": "2 → 4", "ckpt": "auto → x", "since": "not set → {'then': 1}",
    }  # fmt: skip
    assert changed(run, trainer={"max_steps": -1, "max_epochs": 3})
    for shorter in ({"max_steps": 29, "max_epochs": None}, {"max_steps": 50, "max_epochs": 2}):
        with pytest.raises(ConfigError, match=r"was trained with other settings \(trainer\.max_"):
            changed(run, trainer=shorter)
    with pytest.raises(ConfigError, match=r"\(data\.root: here → there\)"):
        changed_settings(
            run.checkpoints / "last.ckpt", run, CONFIG | {"data": {"root": "there", "num_workers": 2}}, {"sections": []}
        )


def test_former_settings_are_kept(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    run.directory.mkdir(parents=True)
    run.config.write_text("first")
    keep_former_settings(run, 30, {})
    assert run.config.read_text() == "first"
    with caplog.at_level("INFO"):
        keep_former_settings(run, 30, {"data.num_workers": "2 → 4"})
    assert (run.directory / "config.until-30.yaml").read_text() == "first"
    assert "from update 30 on with other settings (data.num_workers: 2 → 4)" in caplog.text
    run.config.write_text("second")  # with which nothing was trained
    keep_former_settings(run, 30, {"data.num_workers": "4 → 5"})
    assert (run.directory / "config.until-30.yaml").read_text() == "first"
