"""Where things lie in a synthetic section: niches out of random fields, glands and vessels, cells packed into them."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.spatial import KDTree

from past.data.sources.synthetic import profiles

GRID: Final = 2.0  # µm between points of the fields
STROMA, NEST, LYMPHOID, EPITHELIUM, WALL, LUMEN, GLASS = range(7)
EPITHELIUM_DEPTH: Final = 13.0  # µm

# Least distance of two nuclei's centres in µm, and the types' shares (order of profiles.TYPES), by niche.
_SPACING = np.array([13.5, 9.8, 5.9, 8.0, 8.5, np.inf, np.inf])
_SHARES = np.array(
    [
        [0.00, 0.68, 0.11, 0.07, 0.09, 0.05, 0.00],
        [0.88, 0.03, 0.05, 0.00, 0.04, 0.00, 0.00],
        [0.00, 0.04, 0.74, 0.15, 0.06, 0.01, 0.00],
        [0.00, 0.00, 0.05, 0.00, 0.01, 0.00, 0.94],
        [0.00, 0.70, 0.10, 0.05, 0.05, 0.10, 0.00],
        [0, 1, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 0, 0],
    ]
)


@dataclass(frozen=True)
class Rings:
    """Round structures with a lumen (glands or vessels): centres (n, 2) and radii (n,) of the lumen in µm, shapes."""

    centres: np.ndarray
    radii: np.ndarray
    aspect: np.ndarray
    angle: np.ndarray

    def distance(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return, for points (m, 2), the nearest lumen: µm to its edge (negative within), and its number."""
        best, which = np.full(len(points), np.inf), np.zeros(len(points), np.int64)
        for i, (centre, radius) in enumerate(zip(self.centres, self.radii, strict=True)):
            offset = points - centre
            c, s = np.cos(self.angle[i]), np.sin(self.angle[i])
            along, across = offset @ np.array([c, s]), offset @ np.array([-s, c])
            turn = np.arctan2(across, along)
            ripple = 1 + 0.07 * np.sin(3 * turn + 2.0 * i) + 0.04 * np.sin(5 * turn + i)
            distance = np.hypot(along / self.aspect[i], across * self.aspect[i]) / ripple - radius
            nearer = distance < best
            best[nearer], which[nearer] = distance[nearer], i
        return best, which


@dataclass(frozen=True)
class Layout:
    """A section's plan.

    Attributes:
        side: of the square in µm.
        niche: (g, g) niche at the points of the grid, rows are y.
        flow: (g, g) field along whose level lines fibres run, in µm.
        glands: their lumina.
        vessels: their lumina.
        places: (n, 2) µm x, y of the nuclei.
        types: (n,) positions in profiles.TYPES.
        angles: (n,) direction of the nuclei's long axes, radians.
        growth: (n,) how strongly each cell grows, about N(0, 1); shows in nucleus and genes.
        starvation: (n,) the same of oxygen need; shows in cytoplasm and genes.
        inflammation: (n,) 0 to 1, how much of the cell's surroundings is immune.
        border: (n,) 0 to 1, how near a tumour nest's border is.
    """

    side: float
    niche: np.ndarray
    flow: np.ndarray
    glands: Rings
    vessels: Rings
    places: np.ndarray
    types: np.ndarray
    angles: np.ndarray
    growth: np.ndarray
    starvation: np.ndarray
    inflammation: np.ndarray
    border: np.ndarray


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    """Return a random field of mean 0 and deviation 1 that varies over `scale` points."""
    field = gaussian_filter(rng.standard_normal(shape, np.float32), scale, mode="wrap", truncate=3)
    return (field - field.mean()) / field.std()


def at(field: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return a grid's field at places (n, 2) in µm, linearly between its points."""
    return map_coordinates(field, places.T[::-1] / GRID, order=1, mode="nearest")


def plan_section(rng: np.random.Generator, side: float, tumour: float, immune: float) -> Layout:
    """Plan a section.

    Args:
        rng: of the section.
        side: of the square in µm.
        tumour: share of the area that is tumour nests.
        immune: how inflamed the section is, about 1.
    """
    size = round(side / GRID) + 1
    nest = smooth_field(rng, (size, size), 20) + 0.25 * smooth_field(rng, (size, size), 5)
    depth = nest - np.quantile(nest, 1 - tumour)
    mm2 = (side / 1000) ** 2
    glands = _rings(rng, side, max(1, rng.poisson(5 * mm2)), (9, 24), apart=95)
    vessels = _rings(rng, side, max(1, rng.poisson(9 * mm2)), (4, 13), apart=60, away_from=glands)
    follicles = _rings(rng, side, max(1, rng.poisson(8 * immune * mm2)), (28, 62), apart=80)
    niche = _niches(rng, depth, glands, vessels, follicles)
    base = np.indices((size, size))[::-1] * GRID
    turn = rng.uniform(0, np.pi)
    flow = base[0] * np.cos(turn) + base[1] * np.sin(turn)
    flow = flow + 34 * smooth_field(rng, (size, size), 32) + 6 * smooth_field(rng, (size, size), 10) - 26 * depth
    places, types = _pack(rng, side, niche, glands, vessels)
    angles = _angles(rng, flow, glands, vessels, places, types)
    near = np.isin(types, (profiles.LYMPHOCYTE, profiles.PLASMA))
    inflammation = _share_within(places, near, 45.0)
    return Layout(
        side, niche, flow, glands, vessels, places, types, angles,
        growth=_state(rng, size, places), starvation=_state(rng, size, places),
        inflammation=np.clip(2 * inflammation, 0, 1), border=np.exp(-np.abs(at(depth, places)) / 0.25),
    )  # fmt: skip


def _state(rng: np.random.Generator, size: int, places: np.ndarray) -> np.ndarray:
    """Return a state of about N(0, 1) of which half the variance lies in the surroundings and half in the cell."""
    around = at(smooth_field(rng, (size, size), 18), places)
    return np.clip(np.sqrt(0.5) * (around + rng.standard_normal(len(places))), -2, 2)


def _rings(
    rng: np.random.Generator,
    side: float,
    wanted: int,
    radii: tuple[float, float],
    apart: float,
    away_from: Rings | None = None,
) -> Rings:
    taken = [] if away_from is None else list(away_from.centres)
    own = []
    for place in rng.uniform(0, side, (20 * wanted, 2)):
        if len(own) < wanted and all(np.hypot(*(place - other)) > apart for other in taken):
            own.append(place)
            taken.append(place)
    n = len(own)
    return Rings(
        np.array(own).reshape(n, 2), rng.uniform(*radii, n), rng.uniform(0.8, 1.25, n), rng.uniform(0, np.pi, n)
    )


def _niches(rng: np.random.Generator, depth: np.ndarray, glands: Rings, vessels: Rings, follicles: Rings) -> np.ndarray:
    shape = depth.shape
    points = np.indices(shape)[::-1].reshape(2, -1).T * GRID
    to_gland, to_vessel, to_follicle = (
        rings.distance(points)[0].reshape(shape) for rings in (glands, vessels, follicles)
    )
    niche = np.where(depth > 0, NEST, STROMA)
    niche[(to_follicle + 14 * smooth_field(rng, shape, 5) < 0) & (depth < 0.3)] = LYMPHOID
    niche[to_gland < EPITHELIUM_DEPTH + 12] = STROMA
    niche[to_gland < EPITHELIUM_DEPTH] = EPITHELIUM
    niche[to_vessel < 9] = WALL
    niche[(to_gland < 0) | (to_vessel < 0)] = LUMEN
    cracks = smooth_field(rng, shape, 9) + 0.4 * smooth_field(rng, shape, 3)
    niche[(cracks > 2.9) & (niche == STROMA)] = GLASS
    return niche


def _pack(
    rng: np.random.Generator, side: float, niche: np.ndarray, glands: Rings, vessels: Rings
) -> tuple[np.ndarray, np.ndarray]:
    """Return places and types of nuclei no nearer to each other than their niche allows."""
    free = rng.uniform(0, side, (int(side**2 / 16), 2))
    lined, lined_types = _lining(rng, glands, vessels)
    inside = ((lined > 0) & (lined < side)).all(axis=1)
    lined, lined_types = lined[inside], lined_types[inside]
    places = np.concatenate([lined, free])
    corner = np.clip(np.round(places / GRID).astype(int), 0, niche.shape[0] - 1)
    where = niche[corner[:, 1], corner[:, 0]]
    spacing = _SPACING[where] * rng.uniform(0.85, 1.2, len(places))
    spacing[: len(lined)] = 5.6
    lined_only = where == EPITHELIUM
    lined_only[: len(lined)] = False
    usable = np.isfinite(spacing) & ~lined_only
    places, where, spacing = places[usable], where[usable], spacing[usable]
    cumulative = _SHARES[where].cumsum(axis=1)
    types = (rng.uniform(size=(len(places), 1)) > cumulative[:, :-1]).sum(axis=1)
    types[: int(usable[: len(lined)].sum())] = lined_types[usable[: len(lined)]]
    alive = np.ones(len(places), bool)
    near = KDTree(places).query_ball_point(places, spacing)
    for i, others in enumerate(near):  # in order of priority: a nucleus that stays removes those too near to it
        if alive[i]:
            alive[[other for other in others if other > i]] = False
    return places[alive], types[alive]


def _lining(rng: np.random.Generator, glands: Rings, vessels: Rings) -> tuple[np.ndarray, np.ndarray]:
    """Return places and types of the cells that line lumina: glandular epithelium at its base, endothelium within."""
    places, types = [], []
    for rings, depth, pitch, kind in ((glands, 7.0, 6.6, profiles.GLAND), (vessels, 1.5, 13.0, profiles.ENDOTHELIUM)):
        for i, centre in enumerate(rings.centres):
            reach = rings.radii[i] + depth
            n = max(3, round(2 * np.pi * reach / pitch))
            turn = np.arange(n) * 2 * np.pi / n + rng.normal(0, 0.15, n) * pitch / reach
            ripple = 1 + 0.07 * np.sin(3 * turn + 2.0 * i) + 0.04 * np.sin(5 * turn + i)
            radius = rings.radii[i] * ripple + depth + rng.normal(0, 0.9, n)
            # the ellipse is the circle stretched along its axis
            along, across = radius * np.cos(turn) * rings.aspect[i], radius * np.sin(turn) / rings.aspect[i]
            c, s = np.cos(rings.angle[i]), np.sin(rings.angle[i])
            places.append(centre + np.stack([along * c - across * s, along * s + across * c], axis=1))
            types.append(np.full(n, kind))
    return np.concatenate(places), np.concatenate(types)


def _angles(
    rng: np.random.Generator, flow: np.ndarray, glands: Rings, vessels: Rings, places: np.ndarray, types: np.ndarray
) -> np.ndarray:
    """Return the nuclei's directions: along fibres, around vessels, towards lumina; any where nothing guides them."""
    slope_y, slope_x = (at(gradient, places) for gradient in np.gradient(flow))
    along_fibres = np.arctan2(slope_x, -slope_y)
    angles = rng.uniform(0, np.pi, len(places))
    spindle = types == profiles.FIBROBLAST
    angles[spindle] = along_fibres[spindle] + rng.normal(0, 0.2, int(spindle.sum()))
    for rings, kind, turn in ((vessels, profiles.ENDOTHELIUM, np.pi / 2), (glands, profiles.GLAND, 0.0)):
        own = np.flatnonzero(types == kind)
        distance, which = rings.distance(places[own])
        outward = places[own] - rings.centres[which]
        guided = np.arctan2(outward[:, 1], outward[:, 0]) + turn
        angles[own] = np.where(distance < 20, guided, along_fibres[own]) + rng.normal(0, 0.12, len(own))
    return angles


def _share_within(places: np.ndarray, kind: np.ndarray, radius: float) -> np.ndarray:
    """Return, for each place, the share of those within `radius` µm that are of a kind."""
    near = KDTree(places).query_ball_point(places, radius)
    return np.array([kind[others].mean() for others in near])
