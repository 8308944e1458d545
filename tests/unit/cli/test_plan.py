"""`past plan`: an experiment, the operations of its towers, and the table."""

from pathlib import Path

import pytest
from shards import write_set
from typer.testing import CliRunner

from past.base.errors import ConfigError
from past.cli.app import app
from past.cli.plan import operations_per_pair
from past.cli.sizing import transformer_flops
from past.config import composed


def shown(*words: str) -> str:
    result = CliRunner().invoke(app, ["plan", *words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.replace("│", " ").split())


def test_operations_of_known_networks() -> None:
    # ViT-L/16 at 224 px: 61.6 G multiply-adds (timm's table), two operations each; forward, and backward twice that
    cell = transformer_flops(300, 512, 12, 1024)
    assert operations_per_pair(composed(["experiment=past_pretrain"]), 224) == pytest.approx(
        3 * (2 * 61.6e9 + cell), rel=0.01
    )
    assert operations_per_pair(composed(["experiment=demo"]), 224) == 0  # colours and components: next to nothing


def test_an_experiment_is_planned() -> None:
    plan = shown("experiment=past_pretrain", "gpus=64", "--pairs-per-second", "800")
    for words in (
        "20,000,000 cells of 29.4 kB", "64 GPUs", "batch 48 on each GPU, 15,360 an update", "disk 588 GB",
        "training 2.2 h, 26,060 updates", "loader cores 0.6 for each GPU, 36 in all", "800 pairs/s (given)", "assumed",
    ):  # fmt: skip
        assert words in plan
    assert "8 GPUs" in shown("experiment=past_pretrain")  # its own
    assert "at 50% of an A100's peak" in shown("experiment=past_pretrain", "--gpu", "A100", "--utilisation", "0.5")


def test_shards_are_measured_where_they_are(tmp_path: Path) -> None:
    write_set(tmp_path, [40, 40])
    words = shown("experiment=past_pretrain", f"data.root={tmp_path}", "data.batch_size=4", "gpus=2,4")
    assert "80 cells of" in words
    assert "4 on each GPU, 40 an update 4 on each GPU, 80 an update" in words
    assert "a cell (measured in" in words


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["experimen=past"], "experimen"),
        (["experiment=past_pretrain", "gpus=many"], "gpus=many: give a number"),
        (["experiment=past_pretrain", "--gpu", "toaster"], "--gpu toaster: its peak is not known; give one of .*H100"),
        (["experiment=past_pretrain", "gpus=8,0"], "gpus=8,0: give at least one GPU"),
        (["experiment=past_pretrain", "--utilisation", "0"], "--utilisation 0: give a share"),
        (["experiment=stpath_pretrain"], "trainings on cells"),
        (["experiment=demo"], "give --pairs-per-second"),
    ],
)
def test_what_cannot_be_planned_is_said(words: list[str], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        CliRunner().invoke(app, ["plan", *words], catch_exceptions=False)
