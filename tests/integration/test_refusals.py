"""What cannot work is refused before anything is written: one sentence, exit code 1, no traceback."""

import runpy
import sys
from pathlib import Path

import pytest
import torch
from shards import write_set
from tiny_training import ROOT, tiny

pytestmark = pytest.mark.usefixtures("training_environment")


def refusal(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What `python train.py words…` says before it ends in failure."""
    flags_first = sorted(words, key=lambda word: not word.startswith("-"))
    monkeypatch.setattr(sys, "argv", [str(ROOT / "train.py"), *flags_first])
    # Hydra takes coverage's tracer for a debugger's, and then raises where it otherwise says it in a sentence.
    monkeypatch.setattr("hydra._internal.utils.is_under_debugger", lambda: False)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(sys.argv[0], run_name="__main__")
    said = capsys.readouterr().err
    if isinstance(end.value.code, str):  # the interpreter prints it and exits with 1
        return said + end.value.code
    assert end.value.code == 1
    return said


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["sed=5"], ["sed"]),
        (["+sed=5"], ["sed"]),
        (["model.dimm=3"], ["dimm"]),
        (["+model.dimm=3"], ["unknown key model.dimm", "dim"]),
        (["+callbacks.best.mod=max"], ["callbacks.best.mod"]),
        (["module.loss.kind=clip"], ["module.loss.kind=clip", "info_nce"]),
        (["data=nothing"], ["data/nothing"]),
        (["data.root=???"], ["data.root"]),
        (["data.root=nowhere/shards"], ["nowhere/shards"]),
        (["data.val=[P99]"], ["P99", "P01"]),
        (["name=a/b"], ["name='a/b'"]),
        (["ckpt=nowhere/last.ckpt"], ["nowhere/last.ckpt"]),
        (["trainer.max_epochs=-1"], ["trainer.max_epochs"]),
        (["seed=-1"], ["seed=-1: give a whole number from 0 to 4294967295"]),
        (["data.num_workers=-1"], ["data.num_workers=-1: give a whole number of 0 or more"]),
        (["data.batch_size=0"], ["data.batch_size=0: give a whole number of 1 or more"]),
        (["module.optim.lr=nan"], ["module.optim.lr=nan: give a number above 0"]),
        (["module.optim.lr=-0.1"], ["module.optim.lr=-0.1: give a number above 0"]),
        (["data.samples.context=0"], ["data.samples.context=0: give a whole number of 1 or more"]),
        (["data.val=P01"], ["data.val=P01: give a list: 'data.val=[P01]'"]),
        (["data.val=[1_1]"], ["val='1_1' is no section and no patient"]),
        (["-m", "seed=1,2", "trainer.devices=2"], ["trainer.devices=2", "torchrun"]),
        (["-m", "seed=1,2", "trainer.devices=auto"], ["trainer.devices=auto", "torchrun"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_one_sentence(
    words: list[str],
    named: list[str],
    tissue: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = refusal([*tiny(tissue, tmp_path, "refused"), *words], monkeypatch, capsys)
    assert all(word in said for word in named), said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("**/*.ckpt"))


def test_too_few_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_set(tmp_path / "shards", [4, 4], patients=1)
    said = refusal(tiny(tmp_path / "shards", tmp_path, "refused"), monkeypatch, capsys)
    assert said.splitlines()[-1].startswith("error: 1 patient cannot be split")
    assert not (tmp_path / "tiny").exists()


def test_a_checkpoint_of_another_program_is_no_checkpoint_of_ours(
    tissue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save({"state_dict": {"weight": torch.zeros(1)}, "global_step": 3}, tmp_path / "theirs.ckpt")
    words = [*tiny(tissue, tmp_path, "refused"), f"ckpt={tmp_path / 'theirs.ckpt'}"]
    said = refusal(words, monkeypatch, capsys)
    assert "theirs.ckpt: not a checkpoint of train.py" in said
