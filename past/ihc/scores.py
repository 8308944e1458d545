"""Scores of a marker over the cells of regions, as pathologists give them: H-score, share of positive cells, Allred.

H-score: 1 × % weak + 2 × % moderate + 3 × % strong (McCarty et al., Cancer Res 1986), 0 to 300. Allred: a score of the
proportion of positive cells, 0 to 5, plus one of their mean intensity, 0 to 3 (Allred et al., Mod Pathol 1998).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from past.base.errors import ConfigError
from past.evaluation.statistics.jackknife import plain
from past.evaluation.statistics.means import mean_over
from past.evaluation.statistics.units import Places
from past.ihc.regions import Region

GRADES: Final = ("negative", "weak", "moderate", "strong")
PROPORTIONS: Final = (0.01, 0.1, 1 / 3, 2 / 3)  # where Allred's proportion score rises to 2, 3, 4 and 5
MOST: Final = 300.0  # of an H-score


@dataclass(frozen=True)
class Thresholds:
    """From which intensity on a cell is weak, moderate, strong; QuPath's for the mean optical density of DAB.

    Raises:
        ConfigError: not three numbers that rise.
    """

    weak: float = 0.2
    moderate: float = 0.4
    strong: float = 0.6

    def __post_init__(self) -> None:
        if not self.weak < self.moderate < self.strong:
            raise ConfigError(f"thresholds {self.weak:g},{self.moderate:g},{self.strong:g}: give three that rise")

    def grades(self, intensity: np.ndarray) -> np.ndarray:
        """Return (n,) int8 grades 0 to 3 of (n,) intensities; -1 where there is none (NaN)."""
        grades = np.searchsorted([self.weak, self.moderate, self.strong], intensity, side="right").astype(np.int8)
        return np.where(np.isnan(intensity), np.int8(-1), grades)


def thresholds_of(text: str) -> Thresholds:
    """Return thresholds as the command line gives them: three numbers parted by commas."""
    try:
        weak, moderate, strong = map(float, text.split(","))
    except ValueError as error:
        raise ConfigError(f"thresholds {text}: give three numbers that rise, as in 0.2,0.4,0.6") from error
    return Thresholds(weak, moderate, strong)


def h_score(grades: np.ndarray) -> float:
    """Return the H-score, 0 to 300, of (n,) grades; NaN of no cell."""
    return 100 * float(grades.mean()) if len(grades) else float("nan")


def allred(grades: np.ndarray) -> tuple[int, int]:
    """Return Allred's scores of proportion (0 to 5) and intensity (0 to 3) of (n,) grades; their sum is the score."""
    positive = grades[grades > 0]
    if not len(positive):
        return 0, 0
    proportion = 1 + int(np.searchsorted(PROPORTIONS, len(positive) / len(grades), side="right"))
    return proportion, int(np.floor(positive.mean() + 0.5))


def score_regions(
    grades: np.ndarray, coords: np.ndarray, regions: Sequence[Region], section: str = "", patient: str = ""
) -> list[dict[str, Any]]:
    """Score a marker in every region.

    Args:
        grades: (n,) 0 to 3; -1 for cells that are not judged.
        coords: (n, 2) places of the cells, in any unit.
        regions: which cells each has.
        section: of all the cells.
        patient: theirs.

    Returns:
        A row a region: `h_score` and `positive` (%) with their 95 % intervals over blocks of space (see
        `past.evaluation.statistics`; None where too few blocks stand behind one), shares, Allred's scores.
    """
    return [_row(region, grades, coords, section, patient) for region in regions]


def _row(region: Region, grades: np.ndarray, coords: np.ndarray, section: str, patient: str) -> dict[str, Any]:
    rows = np.flatnonzero(region.cells & (grades >= 0))
    own = grades[rows].astype(np.float64)
    row: dict[str, Any] = {"region": region.name, "cells": len(rows), "not_judged": int(region.cells.sum()) - len(rows)}
    if not len(rows):
        return row | dict.fromkeys(_NUMBERS) | {"resampled": "blocks", "units": 0, "correlation_length": None}
    places = Places(np.full(len(rows), patient), np.full(len(rows), section), coords[rows])
    mean, units = mean_over(np.stack([100 * own, 100.0 * (own > 0)], axis=1), places)
    low, high = np.clip(mean.interval(), 0, [MOST, 100])
    for i, name in enumerate(("h_score", "positive")):
        row |= {name: float(mean.value[i]), f"{name}_low": plain(low[i]), f"{name}_high": plain(high[i])}
    row |= {f"{grade}_percent": 100 * float((own == i).mean()) for i, grade in enumerate(GRADES)}
    proportion, intensity = allred(grades[rows])
    row |= {"allred_proportion": proportion, "allred_intensity": intensity, "allred": proportion + intensity}
    return row | units.facts


_NUMBERS: Final = (
    *(f"{name}{end}" for name in ("h_score", "positive") for end in ("", "_low", "_high")),
    *(f"{grade}_percent" for grade in GRADES),
    *("allred_proportion", "allred_intensity", "allred"),
)
