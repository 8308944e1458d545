"""Sizing: the arithmetic, and the command that shows it."""

from pathlib import Path

import pytest
from shards import write_set
from typer.testing import CliRunner

from past.cli import app
from past.data.plan import Reading
from past.data.sizing import HEADROOM, Sizing, flops_per_pair, measure_core, transformer_flops
from past.errors import DataError


def test_operations_of_a_known_network() -> None:
    # ViT-L/16 at 224 px: 61.6 G multiply-adds (timm's table), two operations each
    vit = transformer_flops(197, 1024, 24, 4096) + 2 * 196 * 768 * 1024
    assert vit / 2 == pytest.approx(61.6e9, rel=0.01)
    assert flops_per_pair() == pytest.approx(3 * (vit + transformer_flops(300, 512, 12, 1024)))


def test_rows_follow_from_the_numbers() -> None:
    plan = Sizing(20_000_000, 30_000, 1_000, 800, 64, Reading(batch_size=48)).rows()
    assert plan["shards"] == "10,000 of 2,000 cells, 60 MB"
    assert plan["disk"] == "600 GB"
    assert plan["pairs/s"] == "51,200"
    assert plan["epoch"] == "0.11 h, 6,511 batches on each GPU"
    assert plan["reads"] == "1,536 MB/s over all GPUs"
    assert plan["loader cores"] == f"{HEADROOM * 0.8:.1f} for each GPU, 64 in all"
    assert plan["shuffle buffers"] == "300 MB for each GPU"
    with pytest.raises(DataError, match="5 samples cannot feed 8 ranks"):
        Sizing(5, 30_000, 1_000, 800, 8).rows()


def test_the_command_measures_and_shows(tmp_path: Path) -> None:
    index = write_set(tmp_path, [40, 40])
    assert measure_core(index, 40) > 0
    shown = CliRunner().invoke(app, ["sizing", str(tmp_path), "--gpus", "8", "--pairs-per-second", "500"])
    assert shown.exit_code == 0, shown.output
    assert "4,000" in shown.output
    assert "500 pairs/s (given)" in " ".join(shown.output.split())
    with pytest.raises(DataError, match="no cells to measure with"):
        measure_core(index.select(patients=[]))
