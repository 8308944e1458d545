"""What is independent of each other: patients, else sections, else blocks of space; never single spots."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from past.evaluation.statistics.variogram import Correlation, correlation_of, evenly, in_spots

FEWEST = {"patients": 5, "sections": 5, "blocks": 3}  # that an interval may stand on
ACROSS = 5  # blocks along a section at most: more make an interval 5 % narrower at best, and lean on the variogram


@dataclass(frozen=True)
class Places:
    """Where n judged spots or cells lie.

    Attributes:
        patients: (n,) names; "" where nobody says whose it is.
        sections: (n,) names.
        coords: (n, 2), in any unit that is one within a section.
    """

    patients: np.ndarray
    sections: np.ndarray
    coords: np.ndarray

    def at(self, rows: np.ndarray) -> "Places":
        """Return the places of some rows."""
        return Places(self.patients[rows], self.sections[rows], self.coords[rows])

    @staticmethod
    def joined(parts: Sequence["Places"]) -> "Places":
        """Lay parts end to end."""
        return Places(*(np.concatenate([getattr(part, name) for part in parts]) for name in Places.__annotations__))


@dataclass(frozen=True)
class Units:
    """Independent units, and which of them each spot belongs to.

    Attributes:
        kind: "patients", "sections" or "blocks".
        members: for each of the asked places, the (n,) numbers of its spots' units.
        count: how many units.
        freedom: degrees of freedom of a spread over them.
        widening: by what factor the units' own spread is below that of their mean, as neighbouring blocks go together
            a little.
        length: of the residuals' correlation, in spots; None where it does not matter.
    """

    kind: str
    members: tuple[np.ndarray, ...]
    count: int
    freedom: float
    widening: float = 1.0
    length: float | None = None

    @property
    def enough(self) -> bool:
        """Whether an interval may stand on them."""
        return self.count >= FEWEST[self.kind]

    @property
    def facts(self) -> dict[str, object]:
        """What a table says of them: what was left out in turn, how many there are, the correlation length."""
        length = None if self.length is None else round(self.length, 2)
        return {"resampled": self.kind, "units": self.count, "correlation_length": length}


def independent_units(parts: Sequence[tuple[Places, np.ndarray]]) -> Units:
    """Return the patients where there are five, else the sections where there are five, else blocks of space.

    Patients are no choice where it is not known of every spot whose it is.

    Args:
        parts: one or more folds, each the places of its n spots and (n, …) their residuals, which say how wide blocks
            have to be; a unit may have spots in several.
    """
    places = [part for part, _ in parts]
    cuts = np.cumsum([len(part.sections) for part in places])[:-1]
    whole = Places.joined(places)
    for kind, names in (("patients", whole.patients), ("sections", whole.sections)):
        known, numbers = np.unique(names, return_inverse=True)
        if len(known) >= FEWEST[kind] and "" not in known:
            return Units(kind, tuple(np.split(numbers, cuts)), len(known), len(known) - 1.0)
    found = correlation_of([own for part in parts for own in _by_section(*part)])
    numbers, together = _blocks_of_all(whole.coords, whole.sections, found)
    widening, freedom = _dependence(together)
    return Units("blocks", tuple(np.split(numbers, cuts)), len(together), freedom, widening, found.length)


def wider(one: Units, other: Units) -> Units:
    """Return the units of the longer correlation, for what is compared."""
    return max(one, other, key=lambda units: (units.length or 0, units.widening))


def _by_section(places: Places, residuals: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for section in np.unique(places.sections):
        own = places.sections == section
        yield in_spots(places.coords[own]), residuals[own]


def _blocks_of_all(coords: np.ndarray, sections: np.ndarray, correlation: Correlation) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) numbers of blocks, section after section, and (K, K) the covariance of sums over them."""
    numbers, parts = np.zeros(len(sections), dtype=int), []
    for section in np.unique(sections):
        own = np.flatnonzero(sections == section)
        places = in_spots(coords[own])
        blocks = blocks_of(places, correlation.length)
        numbers[own] = blocks + sum(map(len, parts))
        parts.append(_covariance(places, blocks, correlation))
    return numbers, np.asarray(block_diag(*parts))


def blocks_of(places: np.ndarray, length: float) -> np.ndarray:
    """Return (n,) numbers of the blocks, of sides ≥ `length`, that (n, 2) places in spots lie in.

    A block that holds less than half as many spots as the mean joins the nearest one that holds more.
    """
    low, extent = places.min(axis=0), np.ptp(places, axis=0) + 1
    most = np.ceil(ACROSS * extent / extent.max())
    across = np.clip(extent // max(length, 1.0), 1, most).astype(int)
    cells = np.minimum(((places - low + 0.5) * across / extent).astype(int), across - 1)
    _, numbers, counts = np.unique(cells @ [across[1], 1], return_inverse=True, return_counts=True)
    large = counts >= counts.mean() / 2
    centres = np.stack([np.bincount(numbers, axis) / counts for axis in places.T], axis=1)
    nearest = KDTree(centres[large]).query(centres)[1]
    return np.asarray(nearest)[numbers]


def _covariance(places: np.ndarray, blocks: np.ndarray, correlation: Correlation) -> np.ndarray:
    """Return (K, K): how sums over blocks go together, of products of two fields that correlate so, up to a factor."""
    rows = evenly(places)
    inside = np.eye(blocks.max() + 1)[blocks[rows]]  # (m, K)
    between = correlation.at(cdist(places[rows], places[rows])) ** 2
    np.fill_diagonal(between, 0)
    share = len(places) / len(rows)
    return share**2 * inside.T @ between @ inside + share * np.diag(inside.sum(axis=0))


def _dependence(together: np.ndarray) -> tuple[float, float]:
    """Return by what factor a spread over units is too small, and its degrees of freedom (Satterthwaite's)."""
    count = len(together)
    if count < 2:
        return 1.0, 0.0
    centring = np.eye(count) - 1 / count
    spread = centring @ together
    expected = np.trace(spread) * count / (count - 1)
    return float(np.sqrt(max(together.sum() / expected, 1.0))), float(np.trace(spread) ** 2 / np.trace(spread @ spread))
