"""Whole slides of any size as pyramidal JPEG OME-TIFF, written in seconds: a few dozen tiles, laid at random."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

TILE = 512
KINDS = 48


def tissue_tiles(side: int, seed: int = 0) -> list[bytes]:
    """Return encoded tiles of pink stroma with purple nuclei, each different."""
    import imagecodecs
    from platforms import stained

    tiles = []
    for kind in range(KINDS):
        rng = np.random.default_rng([seed, kind])
        picture = stained((TILE, TILE), rng.uniform(0, TILE, (60, 2)), radius=float(rng.uniform(8, 14)))
        pixels = np.asarray(picture.resize((side, side), Image.Resampling.BOX)).astype(np.int16)
        pixels = np.clip(pixels + rng.integers(-12, 13, 3), 0, 255).astype(np.uint8)
        tiles.append(imagecodecs.jpeg8_encode(pixels, level=80))
    return tiles


def write_slide(path: Path, side: int, levels: int = 4, seed: int = 0) -> None:
    """Write a square slide; level l is of side / 2**l pixels, its tiles the full ones made smaller."""
    import tifffile

    def laid(level: int) -> Iterator[bytes]:
        across = -(-(side >> level) // TILE)
        tiles = tissue_tiles(TILE, seed + level)
        order = np.random.default_rng([seed, level]).integers(0, KINDS, across * across)
        return (tiles[kind] for kind in order)

    with tifffile.TiffWriter(path, bigtiff=True, ome=True) as file:
        for level in range(levels):
            file.write(
                laid(level),
                shape=(side >> level, side >> level, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="ycbcr",
                compression="jpeg",
                **({"subifds": levels - 1} if level == 0 else {"subfiletype": 1}),
            )


def scattered(cells: int, side: int, seed: int = 0) -> np.ndarray:
    """Return centres (n, 2) in pixels, in no order, some close to the edge."""
    return np.random.default_rng(seed).uniform(20, side - 20, (cells, 2))
