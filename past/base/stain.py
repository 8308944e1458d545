"""Stain normalisation: every section's optical density brought to one mean and spread, from its images alone."""

from typing import Final

import numpy as np

CROPS: Final = 200  # of a section; more do not move a mean over their 10 million pixels
# Optical density (log₁₀) of R, G, B in a usual H&E section
MEAN: Final = np.array([[0.18], [0.34], [0.20]])
SPREAD: Final = np.array([[0.12], [0.18], [0.12]])
_DENSITY: Final = -np.log10((np.arange(256) + 1) / 256)


def count_values(histogram: np.ndarray, crop: np.ndarray) -> None:
    """Add to (3, 256) how often each value of each channel occurs in (…, 3) uint8 crops."""
    for channel in range(3):
        histogram[channel] += np.bincount(crop[..., channel].ravel(), minlength=256)


def recolour(crop: np.ndarray, table: np.ndarray) -> None:
    """Change (…, 3) uint8 crops in place, each channel by its row of the (3, 256) table."""
    for channel in range(3):
        crop[..., channel] = table[channel][crop[..., channel]]


def stain_table(histogram: np.ndarray) -> np.ndarray:
    """Return (3, 256) uint8 from the (3, 256) histogram of a section's pixel values."""
    share = histogram / histogram.sum(axis=1, keepdims=True)
    mean = (share * _DENSITY).sum(axis=1, keepdims=True)
    spread = np.sqrt((share * (_DENSITY - mean) ** 2).sum(axis=1, keepdims=True))
    density = (_DENSITY - mean) / np.maximum(spread, 1e-6) * SPREAD + MEAN
    return np.round(256 * 10 ** -density.clip(0, _DENSITY[0]) - 1).astype(np.uint8)
