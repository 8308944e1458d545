"""Scores of stained cells, by hand."""

import numpy as np
import pytest
from fields import grid as lattice

from past.base.errors import ConfigError
from past.ihc.regions import Region, whole
from past.ihc.scores import (
    Thresholds,
    allred,
    h_score,
    score_regions,
    thresholds_of,
)


def test_qupaths_thresholds_grade_densities() -> None:
    found = Thresholds().grades(np.array([0.0, 0.199, 0.2, 0.4, 0.59, 0.6, 3.0, np.nan]))
    assert found.tolist() == [0, 0, 1, 2, 2, 3, 3, -1]


def test_the_h_score_by_hand() -> None:
    grades = np.repeat([0, 1, 2, 3], [40, 30, 20, 10])
    assert h_score(grades) == 1 * 30 + 2 * 20 + 3 * 10
    assert h_score(np.full(7, 3)) == 300
    assert np.isnan(h_score(np.array([])))


@pytest.mark.parametrize(
    ("positive", "of", "proportion"),
    [(0, 100, 0), (1, 200, 1), (1, 100, 2), (9, 100, 2), (10, 100, 3), (33, 100, 3), (34, 100, 4), (66, 100, 4),
     (67, 100, 5), (100, 100, 5)],
)  # fmt: skip
def test_allreds_proportion(positive: int, of: int, proportion: int) -> None:
    grades = np.zeros(of, dtype=int)
    grades[:positive] = 2
    assert allred(grades) == (proportion, 2 if positive else 0)


def test_allreds_intensity_is_the_mean_of_the_positive() -> None:
    assert allred(np.array([0, 0, 1, 1, 1])) == (4, 1)
    assert allred(np.array([0, 1, 2])) == (5, 2)  # 1.5 is rounded up; two of three are positive
    assert allred(np.array([3, 3, 1])) == (5, 2)


def test_regions_are_scored_with_what_stands_behind_their_intervals() -> None:
    coords = lattice(30) * 10.0
    rng = np.random.default_rng(0)
    grades = rng.integers(0, 4, len(coords)).astype(np.int8)
    left = coords[:, 0] < 150
    grades[0] = -1
    tissue, half, none = score_regions(
        grades, coords, [whole(len(coords)), Region("left", left), Region("none", np.zeros(len(coords), dtype=bool))]
    )
    assert (tissue["cells"], tissue["not_judged"]) == (899, 1)
    assert tissue["h_score"] == pytest.approx(100 * grades[1:].mean())
    assert tissue["positive"] == pytest.approx(100 * (grades[1:] > 0).mean())
    assert half["h_score"] == pytest.approx(100 * grades[left & (grades >= 0)].mean())
    assert tissue["h_score_low"] < tissue["h_score"] < tissue["h_score_high"]
    assert tissue["resampled"] == "blocks"
    # cells that are independent: the interval is about that of their mean
    half_width = (tissue["h_score_high"] - tissue["h_score_low"]) / 2
    assert half_width == pytest.approx(1.96 * 100 * grades[1:].std() / np.sqrt(899), rel=0.5)
    assert none["cells"] == 0
    assert none["h_score"] is None


def test_a_region_of_one_grade_has_an_interval_of_no_width() -> None:
    (row,) = score_regions(np.full(100, 3, np.int8), lattice(10), [whole(100)])
    assert (row["h_score"], row["positive"]) == (300, 100)
    assert row["h_score_low"] in (None, 300)


def test_thresholds_that_do_not_rise_are_refused() -> None:
    assert thresholds_of("0.1,0.2,0.3") == Thresholds(0.1, 0.2, 0.3)
    for text in ("0.4,0.2,0.6", "1,2", "a,b,c"):
        with pytest.raises(ConfigError, match="three"):
            thresholds_of(text)
