"""Nuclei of a synthetic section: outline, chromatin, nucleolus, one after the other over the stains beneath."""

import numpy as np
from scipy.special import expit

from past.data.sources.synthetic import profiles
from past.data.sources.synthetic.layout import Layout, smooth_field

_EDGE = 0.28  # µm over which a nucleus ends
_TILE = 256  # pixels of the chromatin textures, out of which each nucleus gets a piece


def paint_nuclei(
    rng: np.random.Generator, layout: Layout, mpp: float, haematoxylin: np.ndarray, eosin: np.ndarray
) -> None:
    """Paint all nuclei over both stains, (px, px) float32 at `mpp` µm/px, in place.

    A cell's growth shows: its nucleus is larger, coarser, paler in the middle, its nucleolus plainer.
    """
    clumps = [smooth_field(rng, (_TILE, _TILE), cell.grain / mpp / 2).astype(np.float32) for cell in profiles.TYPES]
    for place, kind, angle, growth in zip(layout.places, layout.types, layout.angles, layout.growth, strict=True):
        cell = profiles.TYPES[kind]
        elongation = cell.elongation * rng.lognormal(0, 0.12)
        radius = cell.radius * rng.lognormal(0, 0.07) * (1 + 0.13 * float(growth))
        axes = radius * elongation**0.5, radius / elongation**0.5
        x, y = place / mpp
        patch, dx, dy = window(haematoxylin.shape, x, y, int(1.35 * axes[0] / mpp) + 3)
        along, across, rho = _shape(rng, cell, dx * mpp, dy * mpp, float(angle), axes)
        texture = _piece(rng, clumps[kind], rho.shape)
        if kind == profiles.PLASMA:
            texture = 0.6 * texture + 1.2 * np.cos(6 * np.arctan2(across, along)) * np.minimum(rho, 1)  # a clock-face
        chromatin = _chromatin(rng, cell, float(growth), along, across, rho, axes[1], texture)
        body = expit((1 - rho) * (axes[1] / _EDGE))
        haematoxylin[patch] += body * (chromatin - 0.8 * haematoxylin[patch])
        eosin[patch] += body * (0.10 - 0.75 * eosin[patch])


def window(
    shape: tuple[int, ...], x: float, y: float, reach: int
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray]:
    """Return the window of ± reach points around (x, y) within an array, and its columns' and rows' offsets from it."""
    top, left = max(int(y) - reach, 0), max(int(x) - reach, 0)
    rows = np.arange(top, max(top, min(int(y) + reach + 1, shape[0])))
    columns = np.arange(left, max(left, min(int(x) + reach + 1, shape[1])))
    patch = (slice(top, top + len(rows)), slice(left, left + len(columns)))
    return patch, (columns[None, :] - x).astype(np.float32), (rows[:, None] - y).astype(np.float32)


def _shape(
    rng: np.random.Generator,
    cell: profiles.CellType,
    dx: np.ndarray,
    dy: np.ndarray,
    angle: float,
    axes: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the points along and across the nucleus in µm, and how far out they are: 1 at its outline."""
    c, s = float(np.cos(angle)), float(np.sin(angle))
    along, across = dx * c + dy * s, dy * c - dx * s
    if cell.elongation > 1.3:  # spindles and beans are bent
        across = across + float(rng.choice((-0.1, 0.1))) / axes[0] * along**2
    turn = np.arctan2(across, along)
    outline = np.ones_like(turn)
    for lobes in (2, 3, 4):
        outline += float(rng.normal(0, cell.irregular)) * np.cos(lobes * turn + float(rng.uniform(0, 2 * np.pi)))
    return along, across, np.hypot(along / axes[0], across / axes[1]) / outline


def _chromatin(
    rng: np.random.Generator,
    cell: profiles.CellType,
    growth: float,
    along: np.ndarray,
    across: np.ndarray,
    rho: np.ndarray,
    short: float,
    texture: np.ndarray,
) -> np.ndarray:
    """Return the nucleus's haematoxylin: texture, a rim, a cleared middle, a nucleolus."""
    rim = np.exp(-(((rho - 0.92) * (short / 0.55)) ** 2))
    cleared = min(cell.vesicular * (1 + 0.4 * growth), 0.85) * np.exp(-((rho / 0.7) ** 2))
    clumping = 0.55 * cell.clumping * (1 + 0.3 * growth)
    chromatin = cell.chromatin * rng.lognormal(0, 0.10) * (1 - cleared + 0.35 * rim + clumping * texture)
    if cell.nucleolus:
        away, turn = 0.3 * short * rng.uniform(), rng.uniform(0, 2 * np.pi)
        spot = np.hypot(along - away * float(np.cos(turn)), across - away * float(np.sin(turn)))
        size = cell.nucleolus * (1 + 0.25 * growth)
        chromatin += (0.54 + 0.18 * growth) * expit((1 - spot / size) * 5)
    return np.maximum(chromatin, 0.1)


def _piece(rng: np.random.Generator, field: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return a piece of a field, from anywhere in it."""
    row, column = (rng.integers(0, size - wanted + 1) for size, wanted in zip(field.shape, shape, strict=True))
    return field[row : row + shape[0], column : column + shape[1]]
