"""Tiles without their section's mean colour: does an encoder read more than the stain?"""

from functools import lru_cache

import numpy as np

from past.inference.feature_cache import TileChange
from past.inference.tiles import PatchFile

REFERENCE = np.array([0.15, 0.30, 0.16])  # optical density of R, G, B: a common haematoxylin and eosin stain
TILES = 64  # read at once


def without_mean_colour(patches: PatchFile) -> TileChange:
    """Return the change that gives every section of tiles the same mean optical density in each channel.

    Stain adds up in optical density, -log₁₀(rgb / 255) (Beer-Lambert), so it multiplies in RGB: each channel is scaled
    by one factor, 10^(section's mean - REFERENCE), and cut at 255. The mean is over all pixels of the patch file.
    """
    factors = lru_cache(maxsize=1)(lambda: 10 ** (mean_density(patches) - REFERENCE))

    def apply(tiles: np.ndarray) -> np.ndarray:
        scaled = np.arange(256)[:, None] * factors()
        table = np.rint(np.minimum(scaled, 255)).astype(np.uint8)
        return np.stack([table[tiles[..., channel], channel] for channel in range(3)], axis=-1)

    # The mean itself is not named: the patch file's hash, which stands beside this in the key, fixes it.
    return TileChange(f"mean colour removed, to {REFERENCE.tolist()}", apply)


def mean_density(patches: PatchFile) -> np.ndarray:
    """Return (3,) mean optical density over all pixels of a patch file; a black pixel counts as 1 of 255."""
    counts = np.zeros((3, 256), dtype=np.int64)
    for start in range(0, len(patches), TILES):
        tiles = patches.images(start, min(start + TILES, len(patches)))
        for channel in range(3):
            counts[channel] += np.bincount(tiles[..., channel].ravel(), minlength=256)
    density = -np.log10(np.maximum(np.arange(256), 1) / 255)
    return counts @ density / counts.sum(axis=1)
