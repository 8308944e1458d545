"""A sample's tiles with the colour of their section changed: brought to one stain, or rid of its mean."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from past.base.stain import count_values, recolour, stain_table
from past.slides.feature_cache import TileChange
from past.slides.tiles import PatchFile

REFERENCE = np.array([0.15, 0.30, 0.16])  # optical density of R, G, B: a common haematoxylin and eosin stain
TILES_AT_ONCE = 64  # read from the file


def without_mean_colour(patches: PatchFile) -> TileChange:
    """Return the change that gives every section of tiles the same mean optical density in each channel.

    Stain adds up in optical density, -log₁₀(rgb / 255) (Beer-Lambert), so it multiplies in RGB: each channel is scaled
    by one factor, 10^(section's mean - REFERENCE), and cut at 255. The mean is over all pixels of the patch file.
    """

    def table() -> np.ndarray:
        factors = 10 ** (mean_density(histogram(patches)) - REFERENCE)
        return np.rint(np.minimum(np.arange(256) * factors[:, None], 255)).astype(np.uint8)

    # The mean itself is not named: the patch file's hash, which stands beside the name in the cache, fixes it.
    return _by_table(f"mean colour removed, to {REFERENCE.tolist()}", table)


def with_normal_stain(patches: PatchFile, before: TileChange | None = None) -> TileChange:
    """Return the change that a model trained with `data.samples.normalise_stain` expects; see `past.base.stain`.

    Args:
        patches: the section's tiles.
        before: what is done to them first.
    """
    change = _by_table("stain normalised", lambda: stain_table(histogram(patches, before)))
    if before is None:
        return change
    return TileChange(f"{before.name}, then {change.name}", lambda tiles: change.apply(before.apply(tiles)))


def histogram(patches: PatchFile, before: TileChange | None = None) -> np.ndarray:
    """Return (3, 256): how often each value of each channel occurs in a patch file."""
    counts = np.zeros((3, 256))
    for start in range(0, len(patches), TILES_AT_ONCE):
        tiles = patches.images(start, min(start + TILES_AT_ONCE, len(patches)))
        tiles = before.apply(tiles) if before else tiles
        count_values(counts, tiles)
    return counts


def mean_density(counts: np.ndarray) -> np.ndarray:
    """Return (3,) mean optical density of a histogram (3, 256); a black pixel counts as 1 of 255."""
    density = -np.log10(np.maximum(np.arange(256), 1) / 255)
    return counts @ density / counts.sum(axis=1)


def _by_table(name: str, make: Callable[[], np.ndarray]) -> TileChange:
    """Return the change that looks every value up in a (3, 256) table, made when the first tile needs it."""
    table = lru_cache(maxsize=1)(make)

    def apply(tiles: np.ndarray) -> np.ndarray:
        changed = tiles.copy()
        recolour(changed, table())
        return changed

    return TileChange(name, apply)
