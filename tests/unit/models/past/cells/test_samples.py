"""Batches of crops and expression; see test_module for what they hold."""

import numpy as np
import pytest
from shards import samples_of, tar_of

from past.base.errors import DataError
from past.data.shards.reader import Faults
from past.data.stream.stream import RawBatch
from past.models.past.cells.samples import ExpressionMaker


def test_what_a_section_did_not_measure_is_marked_and_a_broken_crop_is_skipped() -> None:
    from shards import SIDE, members

    cells = [cell for i in range(3) for cell in samples_of(tar_of(members(i)))]
    broken = cells[2].__class__(**{**vars(cells[2]), "image": b"none"})
    panels = {"S0": np.array([1, 0], np.float32)}
    make = ExpressionMaker(np.array([0, 2]), panels, SIDE, on_error="skip")
    batch, faults = make(RawBatch(0, [cells[0], cells[1], broken], Faults()), 0)
    assert len(batch) == 2
    assert faults.first is not None
    assert batch.measured.tolist() == [[1, 0], [1, 0]]
    own = dict(zip(cells[0].genes[: cells[0].offsets[1]], cells[0].counts[: cells[0].offsets[1]], strict=True))
    assert batch.counts[0].tolist() == [own.get(0, 0), own.get(2, 0)]
    with pytest.raises(DataError, match="none of its samples can be read"):
        make(RawBatch(0, [broken], Faults()), 0)
    with pytest.raises(DataError, match="sample"):
        ExpressionMaker(np.array([0]), panels, SIDE)(RawBatch(0, [broken], Faults()), 0)
