"""Tiles read ahead by threads: the same as one by one, in their order, the bad ones named."""

from pathlib import Path

import numpy as np
import pytest
from whole_slides import damage, plain_grid, section, write_svs

from past.slides.slide import open_slide
from past.slides.tile_reader import read_batches

pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
SIZE = (600, 400)


@pytest.mark.parametrize("workers", [1, 3])
def test_batches_are_the_tiles_in_their_order(tmp_path: Path, workers: int) -> None:
    path = write_svs(tmp_path / "a.svs", section(*SIZE))
    grid, slide = plain_grid(SIZE), open_slide(path)
    batches = list(read_batches(lambda: open_slide(path), grid, 16, 8, workers))
    assert [(batch.start, batch.stop) for batch in batches] == [(s, min(s + 8, 70)) for s in range(16, 70, 8)]
    for batch in batches:
        assert batch.read.all()
        for row, (x, y) in enumerate(grid.centres[batch.start : batch.stop]):
            np.testing.assert_array_equal(batch.tiles[row], slide.tile(x, y, 32, 0.5))


def test_tiles_that_cannot_be_read_are_named_and_the_others_are_there(tmp_path: Path) -> None:
    path = write_svs(tmp_path / "a.svs", section(*SIZE), factors=(1,))
    damage(path, 2, 3)
    grid = plain_grid(SIZE)
    (batch,) = read_batches(lambda: open_slide(path), grid, 0, 100, 2)
    assert np.flatnonzero(~batch.read).tolist() == [2 * 10 + 3]
    assert len(batch.tiles) == 69
    assert batch.faults[0].startswith("tile 23 around 224, 160 px: ")
    assert "cut off in its tile at 192, 128 px (row 2, column 3)" in batch.faults[0]


def test_what_breaks_a_reader_is_raised_and_nothing_waits(tmp_path: Path) -> None:
    def broken():
        raise RuntimeError("no disk")

    with pytest.raises(RuntimeError, match="no disk"):
        list(read_batches(broken, plain_grid(SIZE), 0, 8, 2))
