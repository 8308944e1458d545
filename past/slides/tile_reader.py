"""Tiles of a slide, batch by batch in their order, read ahead by threads; those that cannot be read are named."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from past.base.errors import DataError
from past.slides.slide import Slide
from past.slides.tiling import TileGrid


@dataclass(frozen=True)
class TileBatch:
    """Tiles `start` … `stop` - 1 of a grid.

    Attributes:
        start: the first.
        stop: one after the last.
        tiles: (b, px, px, 3) uint8 of those that could be read.
        read: (stop - start,) bool: which those are.
        faults: a sentence for each of the others.
    """

    start: int
    stop: int
    tiles: np.ndarray
    read: np.ndarray
    faults: tuple[str, ...] = ()


def read_batches(
    opened: Callable[[], Slide], grid: TileGrid, first: int, size: int, workers: int
) -> Iterator[TileBatch]:
    """Yield the batches from tile `first` on; a few are read ahead.

    Args:
        opened: opens the slide; each thread has one of its own, and with it its cache.
        grid: where the tiles lie.
        first: of the tiles, a multiple of `size`.
        size: tiles of a batch.
        workers: threads.
    """
    own = threading.local()

    def make(start: int) -> TileBatch:
        if not hasattr(own, "slide"):
            own.slide = opened()
        return _read(own.slide, grid, start, min(start + size, len(grid)))

    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[TileBatch]] = deque()
        try:
            for start in range(first, len(grid), size):
                ahead.append(pool.submit(make, start))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for later in ahead:
                later.cancel()


def _read(slide: Slide, grid: TileGrid, start: int, stop: int) -> TileBatch:
    tiles: list[np.ndarray] = []
    read, faults = np.ones(stop - start, dtype=bool), []
    for row, (x, y) in enumerate(grid.centres[start:stop].tolist()):
        try:
            tiles.append(slide.tile(x, y, grid.px, grid.mpp))
        except DataError as error:
            read[row] = False
            faults.append(f"tile {start + row} around {x:,.0f}, {y:,.0f} px: {error}")
    stacked = np.stack(tiles) if tiles else np.empty((0, grid.px, grid.px, 3), np.uint8)
    return TileBatch(start, stop, stacked, read, tuple(faults))
