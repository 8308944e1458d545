"""Sizing: the arithmetic, and what it is measured from."""

from pathlib import Path

import pytest
from shards import write_set

from past.base.errors import DataError
from past.cli.sizing import HEADROOM, Sizing, measure_core
from past.data.stream.plan import Reading


def test_rows_follow_from_the_numbers() -> None:
    plan = Sizing(20_000_000, 30_000, 1_000, 800, 64, Reading(batch_size=48)).rows()
    assert plan["batch"] == "48 on each GPU, 3,072 an update"
    assert plan["training"] == "0.1 h, 6,511 updates"
    assert plan["shards"] == "10,000 of 2,000 cells, 60 MB"
    assert plan["disk"] == "600 GB"
    assert plan["pairs/s"] == "51,200"
    assert plan["epoch"] == "0.11 h, 6,511 batches on each GPU"
    assert plan["reads"] == "1,536 MB/s over all GPUs"
    assert plan["loader cores"] == f"{HEADROOM * 0.8:.1f} for each GPU, 64 in all"
    assert plan["shuffle buffers"] == "300 MB for each GPU"
    with pytest.raises(DataError, match="5 samples cannot feed 8 ranks"):
        Sizing(5, 30_000, 1_000, 800, 8).rows()


def test_the_length_of_a_training_is_whichever_ends_first() -> None:
    def length(epochs: int, steps: int) -> str:
        sizing = Sizing(20_000_000, 30_000, 1_000, 800, 64, Reading(batch_size=48), 2_000, epochs, steps, accumulate=5)
        return sizing.rows()["training"]

    assert length(20, -1) == "2.2 h, 26,060 updates"  # 6,511 batches are 1,303 updates
    assert length(20, 0) == length(0, -1) == "0.0 h, 0 updates"
    assert length(20, 1_303) == length(-1, 1_303) == length(1, -1) == "0.1 h, 1,303 updates"


def test_a_cores_speed_is_measured(tmp_path: Path) -> None:
    index = write_set(tmp_path, [40, 40])
    assert measure_core(index, 40) > 0
    with pytest.raises(DataError, match="no cells to measure with"):
        measure_core(index.select(patients=[]))
