"""Which units are independent: patients, sections, blocks, by hand."""

import numpy as np
import pytest
from fields import grid, smooth
from scipy.spatial.distance import cdist

from past.evaluation.statistics.units import Places, Units, _covariance, blocks_of, independent_units, wider
from past.evaluation.statistics.variogram import Correlation

NOISE = np.random.default_rng(0)


def places(patients: list[str], sections: list[str], side: int = 4) -> Places:
    """A grid of spots for each section."""
    spots = grid(side)
    return Places(*(np.repeat(names, len(spots)) for names in (patients, sections)), np.tile(spots, (len(sections), 1)))


def units(patients: list[str], sections: list[str]) -> Units:
    where = places(patients, sections)
    return independent_units([(where, NOISE.normal(size=(len(where.coords), 30)))])


def test_five_patients_are_the_units_else_five_sections_else_blocks() -> None:
    six = ["a", "b", "c", "d", "e", "f"]
    found = units(["P1", "P2", "P3", "P4", "P5", "P5"], six)
    assert (found.kind, found.count, found.freedom, found.enough) == ("patients", 5, 4, True)
    assert found.members[0][::16].tolist() == [0, 1, 2, 3, 4, 4]
    assert found.facts == {"resampled": "patients", "units": 5, "correlation_length": None}
    assert units(["P1", "P2", "P3", "P4", "P4", "P4"], six).kind == "sections"
    assert units(["P1", "P2", "P3", "P4", "P5", ""], six).kind == "sections"  # nobody knows whose f is
    assert units(["P1", "P2", "P3", "P4"], six[:4]).kind == "blocks"


def test_a_patient_in_two_folds_is_one_unit() -> None:
    folds = [places(["P1", "P2", "P3"], ["a", "b", "c"]), places(["P3", "P4", "P5"], ["d", "e", "f"])]
    found = independent_units([(fold, np.zeros((48, 1))) for fold in folds])
    assert found.count == 5
    assert found.members[0][-1] == found.members[1][0] == 2
    folds.append(places(["P6"], ["g"]))
    found = independent_units([(fold, np.zeros((len(fold.sections), 1))) for fold in folds])
    assert [np.unique(members).tolist() for members in found.members] == [[0, 1, 2], [2, 3, 4], [5]]


def test_blocks_are_as_wide_as_the_residuals_correlate() -> None:
    where, rng = places(["P"], ["a"], 20), np.random.default_rng(0)
    found = independent_units([(where, smooth(where.coords, 4, 400, rng))])
    assert (found.kind, found.count) == ("blocks", 9)
    assert found.length == pytest.approx(4 * np.sqrt(2), rel=0.1)
    for block in range(9):
        assert (np.ptp(where.coords[found.members[0] == block], axis=0) + 1 >= found.length).all()
    assert found.widening > 1.3  # neighbouring blocks still go together
    assert 4 < found.freedom < 8
    white = independent_units([(where, rng.normal(size=(400, 100)))])
    assert (white.count, white.length) == (25, pytest.approx(0, abs=0.1))
    assert (white.widening, white.freedom) == (pytest.approx(1, abs=0.02), pytest.approx(24, abs=0.2))
    assert wider(white, found) is wider(found, white) is found


def test_residuals_that_go_together_over_the_whole_section_leave_too_few_blocks() -> None:
    where = places(["P"], ["a"], 10)
    found = independent_units([(where, where.coords @ np.ones((2, 1)))])
    assert (found.kind, found.count, found.enough) == ("blocks", 1, False)


def test_blocks_do_not_cross_sections_nor_depend_on_order_or_turn() -> None:
    where = places(["P", "P"], ["a", "b"], 10)
    residuals = smooth(grid(10), 2, 50, np.random.default_rng(0))
    residuals = np.vstack([residuals, residuals])
    found = independent_units([(where, residuals)])
    assert not set(found.members[0][:100]) & set(found.members[0][100:])
    order = np.random.default_rng(1).permutation(200)
    turned = Places(where.patients, where.sections, where.coords @ np.array([[0, 130.0], [-130.0, 0]]))
    for same in (
        independent_units([(where.at(order), residuals[order])]).members[0][np.argsort(order)],
        independent_units([(turned, residuals)]).members[0],
    ):
        together = (same[:, None] == same) == (found.members[0][:, None] == found.members[0])
        assert together.all()


def test_a_block_of_few_spots_joins_its_neighbour() -> None:
    spots = grid(10)
    ragged = spots[(spots[:, 0] < 5) | (spots[:, 1] == 0)]  # a column of spots sticks out of the left half
    blocks = blocks_of(ragged, 5)
    assert np.bincount(blocks).tolist() == [30, 25]
    assert len(np.unique(blocks_of(spots, 0))) == 25  # five across at most
    assert len(np.unique(blocks_of(grid(20)[:40], 3))) == 5  # two rows of 20: longer than wide


@pytest.mark.parametrize("side", [10, 40])
def test_sums_over_blocks_go_together_as_their_pairs_of_spots_do(side: int) -> None:
    spots, correlation = grid(side), Correlation(0.8, 3.0, 2.0)
    blocks = blocks_of(spots, side / 2)
    pairs = correlation.at(cdist(spots, spots)) ** 2  # of products of two fields
    np.fill_diagonal(pairs, 1)
    expected = [[pairs[np.ix_(blocks == one, blocks == other)].sum() for one in range(4)] for other in range(4)]
    found = _covariance(spots, blocks, correlation)
    if side == 10:
        np.testing.assert_allclose(found, expected)
    assert found.sum() == pytest.approx(np.sum(expected), rel=0.05)  # more than 1,000 spots are thinned
