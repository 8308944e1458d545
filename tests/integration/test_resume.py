"""A training that was stopped, however and wherever, ends with the weights of one that never was, to the last bit."""

from pathlib import Path

import pytest
import torch
from tiny_training import TIMED, Stopped, metrics_of, train_tiny

from past.base.errors import CheckpointError
from past.training.checkpoint_io import read_checkpoint

pytestmark = pytest.mark.usefixtures("training_environment")
EVERY = "callbacks.last.every=1"
CRASH = "+callbacks.crash._target_=tiny_training.CrashAt"
INTERRUPT = "+callbacks.crash._target_=tiny_training.InterruptAt"
# an epoch has five batches: five updates, or three where two batches make one
PLACES = {
    "mid-epoch": (CRASH, "+callbacks.crash.step=7"),
    "epoch's end": (CRASH, "+callbacks.crash.step=6"),
    "before validation": (CRASH, "+callbacks.crash.step={epoch}", "+callbacks.crash.validating=true"),
    "Ctrl-C": (INTERRUPT, "+callbacks.crash.step=4"),
}


def end_of(run: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(run / "checkpoints" / "last.ckpt")["state_dict"]


def assert_the_same(run: Path, whole: Path, logged: bool = True) -> None:
    ours, theirs = end_of(run), end_of(whole)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name
    if logged:
        for own, right in zip(metrics_of(run), metrics_of(whole), strict=True):
            said = {name: value for name, value in own.items() if value and name not in TIMED}
            assert said.items() <= right.items()  # a validation that was stopped is not made up for


@pytest.fixture(scope="module")
def whole(tissue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs that nothing disturbed, named by how many batches make an update."""
    root = tmp_path_factory.mktemp("whole")
    torch.set_num_threads(1)
    for accumulate in (1, 2):
        train_tiny(tissue, root, f"{accumulate}", EVERY, f"trainer.accumulate_grad_batches={accumulate}")
    return root / "tiny"


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("place", PLACES)
def test_a_stopped_run_is_the_run(tissue: Path, tmp_path: Path, whole: Path, accumulate: int, place: str) -> None:
    asked = (EVERY, f"trainer.accumulate_grad_batches={accumulate}")
    stop = [word.format(epoch={1: 5, 2: 3}[accumulate]) for word in PLACES[place]]
    if place == "Ctrl-C":
        assert train_tiny(tissue, tmp_path, "run", *asked, *stop).global_step == 5
    else:
        with pytest.raises(Stopped):
            train_tiny(tissue, tmp_path, "run", *asked, *stop)
    train_tiny(tissue, tmp_path, "run", *asked)
    assert_the_same(tmp_path / "tiny" / "run", whole / f"{accumulate}")


def test_a_run_that_is_stopped_twice_is_the_run(tissue: Path, tmp_path: Path, whole: Path) -> None:
    train_tiny(tissue, tmp_path, "run", EVERY, INTERRUPT, "+callbacks.crash.step=4")  # ends with the epoch
    with pytest.raises(Stopped):
        train_tiny(tissue, tmp_path, "run", EVERY, CRASH, "+callbacks.crash.step=6")
    train_tiny(tissue, tmp_path, "run", EVERY)
    assert_the_same(tmp_path / "tiny" / "run", whole / "1")


def test_a_run_goes_on_when_max_steps_is_raised(tissue: Path, tmp_path: Path) -> None:
    # a flat rate: the schedule's end is max_steps, and another end is another training
    flat = ("module.optim.warmup=0", "module.optim.min_lr=5.0e-4")
    for steps in (3, 5, 8):
        assert train_tiny(tissue, tmp_path, "raised", *flat, f"trainer.max_steps={steps}").global_step == steps
    train_tiny(tissue, tmp_path, "at-once", *flat, "trainer.max_steps=8")
    assert_the_same(tmp_path / "tiny" / "raised", tmp_path / "tiny" / "at-once", logged=False)


def test_a_broken_last_checkpoint_gives_way_to_the_best(
    tissue: Path, tmp_path: Path, whole: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Stopped):
        train_tiny(tissue, tmp_path, "run", EVERY, CRASH, "+callbacks.crash.step=12")
    run = tmp_path / "tiny" / "run"
    last = run / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    with caplog.at_level("INFO"):
        train_tiny(tissue, tmp_path, "run", EVERY)
    assert "last.ckpt is passed over" in caplog.text
    assert f"resuming from {run / 'checkpoints' / 'best.ckpt'}" in caplog.text
    assert_the_same(run, whole / "1")


def test_a_checkpoint_of_another_vocabulary_is_refused(tissue: Path, tmp_path: Path, whole: Path) -> None:
    theirs = read_checkpoint(whole / "1" / "checkpoints" / "last.ckpt")["past"]["tokenizer"]["vocabulary_hash"]
    with pytest.raises(CheckpointError, match=f"{theirs}") as refusal:
        train_tiny(
            tissue, tmp_path, "other", "data.samples.vocabulary=variable:50", f"ckpt={whole}/1/checkpoints/last.ckpt"
        )
    trainer = train_tiny(tissue, tmp_path, "own", "data.samples.vocabulary=variable:50", "trainer.max_steps=1")
    ours = trainer.datamodule.samples.tokenizer.state()["vocabulary_hash"]  # type: ignore[attr-defined]
    assert str(ours) in str(refusal.value)
    assert not (tmp_path / "tiny" / "other").exists()


def test_a_checkpoint_of_another_shape_is_refused(tissue: Path, tmp_path: Path, whole: Path) -> None:
    with pytest.raises(CheckpointError, match=r"image_head\.project\.weight"):
        train_tiny(tissue, tmp_path, "wide", "model.dim=12", f"ckpt={whole}/1/checkpoints/last.ckpt")
