"""What every command of `past shards` does with its sections."""

from pathlib import Path

import pytest
from toy_sections import GENES, SETTINGS, ToySource

from past.base.errors import ConfigError, DataError
from past.cli.options import CellOptions
from past.cli.writing import draw, write_cells, write_shards
from past.data.shards.index import ShardIndex

TWO = (ToySource("A", 10, "P1"), ToySource("B", 7, "P2"))


def test_options_become_the_sets_settings(tmp_path: Path) -> None:
    options = CellOptions(
        tmp_path, px=16, mpp="native", neighbours=2, image_format="png", cells_per_shard=5, allow_benchmark=True
    )
    write_cells("toy", TWO, GENES, options)
    index = ShardIndex.read(tmp_path)
    assert index.settings == {
        "source": "toy", "px": 16, "mpp": None, "neighbours": 2, "image_format": "png", "cells_per_shard": 5,
        "benchmark": "allowed",
    }  # fmt: skip
    assert [shard.samples for shard in index.shards] == [5, 5, 5, 2]


def test_one_of_several_sections_waits_for_the_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_shards(tmp_path, TWO, SETTINGS, GENES, ["B"])
    assert "other sections are still to be written" in capsys.readouterr().err
    assert not (tmp_path / "index.json").exists()
    write_shards(tmp_path, TWO, SETTINGS, GENES, ["A"])
    assert "17 cells of 2 sections" in capsys.readouterr().err


def test_a_benchmark_patients_section_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"TENX95 \(in the benchmark\)"):
        write_shards(tmp_path, [ToySource("TENX95")], SETTINGS, GENES, None)
    assert list(tmp_path.iterdir()) == []


def test_drawing_goes_on_after_a_section_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DataError, match=r"^A: broken on purpose$"):
        draw(tmp_path, [ToySource("A", broken=True), ToySource("B")], SETTINGS, GENES)
    assert [path.name for path in tmp_path.rglob("*.png")] == ["B.png"]
    assert "B.png: something seems wrong\nwarning: " in capsys.readouterr().err  # noise is no tissue
