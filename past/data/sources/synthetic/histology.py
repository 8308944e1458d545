"""What a synthetic section looks like in haematoxylin and eosin: stain amounts as optical density, then light.

Stain vectors: Macenko et al., ISBI 2009 (haematoxylin 0.5626 0.7201 0.4062, eosin 0.2159 0.8012 0.5581).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter, zoom
from scipy.spatial import KDTree

from past.data.sources.synthetic import profiles
from past.data.sources.synthetic.layout import EPITHELIUM, GLASS, LUMEN, LYMPHOID, NEST, WALL, Layout, smooth_field
from past.data.sources.synthetic.nuclei import paint_nuclei, window

MPP: Final = 0.5  # of the image
_COARSE: Final = 1.0  # µm between points at which cytoplasm and fibres are computed
_STAINS = np.array([[0.5626, 0.7201, 0.4062], [0.2159, 0.8012, 0.5581]])


@dataclass(frozen=True)
class Stain:
    """How a patient's sections are stained and scanned.

    Attributes:
        vectors: (2, 3) optical density of haematoxylin and eosin in red, green and blue, unit length.
        strength: (2,) amounts of both, about 1.
        light: (3,) level of empty glass, 0 to 255.
        blur: of the optics, in pixels.
        noise: of the sensor, in levels.
    """

    vectors: np.ndarray
    strength: np.ndarray
    light: np.ndarray
    blur: float
    noise: float


def draw_stain(rng: np.random.Generator) -> Stain:
    """Draw a patient's stain."""
    vectors = np.clip(_STAINS + rng.normal(0, 0.045, (2, 3)), 0.05, None)
    return Stain(
        vectors=vectors / np.linalg.norm(vectors, axis=1, keepdims=True),
        strength=rng.uniform(0.8, 1.2, 2),
        light=np.array([244.0, 242.0, 245.0]) + rng.normal(0, 2.5, 3),
        blur=rng.uniform(0.55, 0.95),
        noise=rng.uniform(1.0, 2.2),
    )


def render(rng: np.random.Generator, layout: Layout, stain: Stain) -> Image.Image:
    """Paint the section at 0.5 µm/px, as RGB."""
    haematoxylin, eosin = _background(rng, layout)
    for stained in (haematoxylin, eosin):
        stained *= 1 + 0.07 * zoom(
            smooth_field(rng, (24, 24), 2.5), np.array(stained.shape) / 24, order=1
        )  # uneven stain
    paint_nuclei(rng, layout, MPP, haematoxylin, eosin)
    density = np.stack([haematoxylin, eosin], axis=-1) * stain.strength.astype(np.float32)
    light = np.exp(-density @ stain.vectors.astype(np.float32)) * stain.light.astype(np.float32)
    light = gaussian_filter(light, (stain.blur, stain.blur, 0), truncate=3)
    light += stain.noise * rng.standard_normal(light.shape, np.float32)
    return Image.fromarray(np.clip(light, 0, 255).astype(np.uint8))


def _background(rng: np.random.Generator, layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Return haematoxylin and eosin of all but the nuclei, (px, px) float32."""
    side = round(layout.side / _COARSE)
    shape = (side, side)
    niche = _enlarge(layout.niche, shape, order=0).astype(np.int64)
    fibres_h, fibres_e = _fibres(rng, _enlarge(layout.flow, shape, order=1))
    cells_h, cells_e, cover = _cytoplasm(rng, layout, shape)
    packed = gaussian_filter(np.isin(niche, (NEST, EPITHELIUM)).astype(np.float32), 1.2)
    looser = np.where(niche == LYMPHOID, 0.75, np.where(niche == WALL, 1.1, 1.0))
    cover = np.maximum(cover, packed)
    haematoxylin = cover * cells_h + (1 - cover) * fibres_h * looser
    eosin = cover * cells_e + (1 - cover) * fibres_e * looser
    empty = gaussian_filter(np.isin(niche, (LUMEN, GLASS)).astype(np.float32), 0.8)
    eosin = eosin * (1 - empty)
    haematoxylin = haematoxylin * (1 - empty)
    eosin += _red_cells(rng, layout, shape)
    pixels = round(layout.side / MPP)
    return _enlarge(haematoxylin, (pixels, pixels), 1), _enlarge(eosin, (pixels, pixels), 1)


def _enlarge(field: np.ndarray, shape: tuple[int, int], order: int) -> np.ndarray:
    factors = np.array(shape) / field.shape
    return np.asarray(zoom(field.astype(np.float32), factors, order=order, mode="nearest", grid_mode=True))


def _fibres(rng: np.random.Generator, flow: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both stains of wavy collagen along the level lines of `flow`."""
    loose = smooth_field(rng, flow.shape, 7)
    bundles = np.zeros(flow.shape)
    for period, weight, waver in ((11.0, 0.5, 3.0), (4.2, 0.35, 1.6), (1.9, 0.25, 0.8)):
        table = gaussian_filter(rng.standard_normal(4096), 1.0, mode="wrap")
        table /= table.std()
        shifted = (flow + waver * smooth_field(rng, flow.shape, 5)) / period * 2.5
        bundles += weight * np.interp(shifted, np.arange(4096) - 2048, table, period=4096)
    clefts = np.clip(bundles + 0.35 * loose - 0.95, 0, 1)
    eosin = 0.40 + 0.13 * bundles + 0.07 * loose + 0.03 * smooth_field(rng, flow.shape, 1)
    eosin = np.clip(eosin, 0.12, None) * (1 - 0.9 * np.clip(1.6 * clefts, 0, 1))
    return 0.05 + 0.03 * np.clip(eosin, 0, 1), eosin


def _cytoplasm(
    rng: np.random.Generator, layout: Layout, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return both stains of the cells' bodies and how far they cover what lies beneath."""
    kinds = profiles.TYPES
    reach = np.array([cell.reach for cell in kinds])[layout.types]
    eosin = np.array([cell.eosin for cell in kinds])[layout.types] * (1 + 0.20 * layout.starvation)
    basophilia = np.array([cell.basophilia for cell in kinds])[layout.types] * (1 + 0.20 * layout.growth)
    points = np.indices(shape)[::-1].reshape(2, -1).T * _COARSE
    warp = np.stack([smooth_field(rng, shape, 2.5).ravel(), smooth_field(rng, shape, 2.5).ravel()], axis=1)
    distance, cell = map(np.asarray, KDTree(layout.places).query(points + 0.9 * warp, k=2))
    own, gap = cell[:, 0], distance[:, 1] - distance[:, 0]
    grain = 1 + 0.10 * smooth_field(rng, shape, 0.8).ravel() + 0.10 * smooth_field(rng, shape, 2).ravel()
    membrane = np.exp(-((gap / 1.1) ** 2))
    tight = np.isin(layout.types, (profiles.TUMOUR, profiles.GLAND))[own]
    cover = 1 / (1 + np.exp((distance[:, 0] - reach[own]) / 0.8))
    cover *= np.where(np.isin(layout.types, (profiles.FIBROBLAST, profiles.ENDOTHELIUM))[own], 0.3, 0.95)
    shade = np.where(tight, 1 + 0.22 * membrane, 1 - 0.25 * membrane)
    foam = np.where(layout.types[own] == profiles.MACROPHAGE, 1 + 0.3 * smooth_field(rng, shape, 1.1).ravel(), 1.0)
    e = np.clip(eosin[own] * grain * shade * foam, 0, None)
    h = np.clip(basophilia[own] * grain * foam, 0, None)
    return h.reshape(shape), e.reshape(shape), cover.reshape(shape)


def _red_cells(rng: np.random.Generator, layout: Layout, shape: tuple[int, int]) -> np.ndarray:
    """Return eosin of the red cells in the vessels: discs, paler in the middle."""
    eosin = np.zeros(shape, np.float32)
    for centre, radius in zip(layout.vessels.centres, layout.vessels.radii, strict=True):
        for _ in range(rng.poisson(0.35 * radius**2 / 9)):
            turn, away = rng.uniform(0, 2 * np.pi), (radius - 3.4) * np.sqrt(rng.uniform())
            x, y = (centre + max(away, 0) * np.array([np.cos(turn), np.sin(turn)])) / _COARSE
            patch, dx, dy = window(shape, x, y, 5)
            r = np.hypot(dx, dy) * _COARSE
            disc = (0.95 - 0.35 * np.exp(-((r / 1.4) ** 2))) / (1 + np.exp((r - 3.2) / 0.3))
            eosin[patch] = np.maximum(eosin[patch], disc)
    return eosin
