"""Whether the cells lie on their nuclei: haematoxylin under them as they are, and moved, exchanged or scaled."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter

from past.base.errors import DataError
from past.data.sources.tissue import TissueSection

REACH_UM: Final = 160.0  # how far the cells are moved to look for a better place
MOST_CELLS: Final = 2_000  # that are looked at
CLEAR: Final = 6.0  # standard deviations above the mean of all moves: chance reaches 4 to 5 over so many
NEAR_UM: Final = 12.0  # a peak within is the registration's own precision
SINGLE_CELLS: Final = ("Xenium", "CosMx", "MERFISH")  # of spots and bins, too large for this, nothing is expected
_MOVES: Final[dict[str, Callable[[np.ndarray], np.ndarray]]] = {
    "with x and y exchanged": lambda centres: centres[:, ::-1],
    "at half their coordinates": lambda centres: centres / 2,
    "at twice their coordinates": lambda centres: centres * 2,
}


@dataclass(frozen=True)
class Registration:
    """How well the cells' places fit the image.

    Attributes:
        under: optical density of red, which haematoxylin absorbs, under cells (n,).
        elsewhere: the same at as many random points of the cells' surroundings.
        moved: (m, m) its mean under all cells moved by -REACH_UM … REACH_UM in y (rows) and x.
        best: the move (x, y) in µm at which it is highest.
        clear: how far that stands out of `moved`, in standard deviations.
        warnings: what seems wrong, a sentence each.
    """

    under: np.ndarray
    elsewhere: np.ndarray
    moved: np.ndarray
    best: tuple[float, float]
    clear: float
    warnings: tuple[str, ...]


def judge(tissue: TissueSection) -> Registration:
    """Judge a section's registration from its image alone; what `TissueSection.check` finds is a warning here."""
    rng = np.random.default_rng(0)
    factor = 2 ** max(0, round(math.log2(2 / tissue.mpp)))  # about 2 µm: a few pixels a nucleus
    mpp = tissue.mpp * factor
    stain = red_density(np.asarray(tissue.image.reduce(factor)))
    chosen = rng.permutation(len(tissue))[:MOST_CELLS]
    centres = tissue.centres[chosen] / factor
    around = rng.uniform(centres.min(axis=0), centres.max(axis=0), centres.shape)
    moved, best, clear = _search(stain, centres, mpp)
    warnings = []
    try:
        tissue.check()
    except DataError as error:
        warnings.append(str(error))
    name = tissue.section.section
    if clear < CLEAR:
        others = {words: _search(stain, move(centres), mpp) for words, move in _MOVES.items()}
        words = max(others, key=lambda words: others[words][2])
        if others[words][2] >= CLEAR:
            warnings.append(f"{name}: the cells fit the nuclei {words}: are the coordinates of another image or order?")
        elif tissue.section.technology in SINGLE_CELLS:
            warnings.append(f"{name}: nuclei are no darker under the cells than beside them: is this their image?")
    elif math.hypot(*best) > NEAR_UM:
        warnings.append(f"{name}: the cells fit the nuclei when moved by ({best[0]:+.0f}, {best[1]:+.0f}) µm: shifted?")
    return Registration(_at(stain, centres), _at(stain, around), moved, best, clear, tuple(warnings))


def red_density(pixels: np.ndarray) -> np.ndarray:
    """Return the optical density of red (h, w) of RGB pixels (h, w, 3) uint8: -ln(I / 255), slightly blurred."""
    return gaussian_filter(-np.log(np.maximum(pixels[..., 0], 1) / 255.0), 1.0)


def _search(stain: np.ndarray, centres: np.ndarray, mpp: float) -> tuple[np.ndarray, tuple[float, float], float]:
    """Return the mean stain at every move (m, m), the best move in µm, and how clearly it is the best."""
    steps = 2 * np.arange(-round(REACH_UM / mpp / 2), round(REACH_UM / mpp / 2) + 1)
    moved = np.array([[_at(stain, centres + np.array([x, y])).mean() for x in steps] for y in steps])
    row, column = np.unravel_index(moved.argmax(), moved.shape)
    clear = float((moved.max() - moved.mean()) / (moved.std() + 1e-9))
    return moved, (float(steps[column] * mpp), float(steps[row] * mpp)), clear


def _at(stain: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Return the stain at centres (n, 2); 0, as on glass, outside the image."""
    columns, rows = np.floor(centres).astype(int).T
    inside = (columns >= 0) & (rows >= 0) & (columns < stain.shape[1]) & (rows < stain.shape[0])
    values = np.zeros(len(centres))
    values[inside] = stain[rows[inside], columns[inside]]
    return values
