"""Samples are values: as long as their spots are many, and nobody changes one in passing."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from toy_sections import GENES, ToySource

from past.data.shards.records import SlideRecord


def test_a_slide_is_as_long_as_it_has_spots() -> None:
    offsets = np.array([0, 1, 1, 2], np.int32)
    counts = np.ones(2, np.uint8)
    slide = SlideRecord("k", "s.tar", np.zeros((3, 5)), np.zeros((3, 2)), np.array([0, 4]), counts, offsets, {})
    assert len(slide) == 3


def test_a_cell_is_not_changed_in_passing() -> None:
    cell = next(ToySource("S").open(GENES).records(px=16, mpp=0.5, neighbours=2))
    assert len(cell.offsets) == len(cell.positions) + 1
    with pytest.raises(FrozenInstanceError):
        cell.mpp = 1.0  # type: ignore[misc]
