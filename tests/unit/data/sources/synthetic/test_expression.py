"""What cells express: markers mark their type, programmes follow the cells' states, counts are raw."""

from types import SimpleNamespace

import numpy as np
import pytest

from past.data.sources.synthetic import layout, profiles
from past.data.sources.synthetic.expression import draw_counts, log_levels, patient_levels


@pytest.fixture(scope="module")
def plan():
    return layout.plan_section(np.random.default_rng(5), 500.0, tumour=0.4, immune=1.5)


def test_counts_are_raw_and_no_cell_is_empty(plan):
    counts = draw_counts(np.random.default_rng(0), plan, np.zeros(len(profiles.GENES)))
    assert counts.shape == (len(plan.places), len(profiles.GENES))
    assert counts.dtype.kind == "i"
    assert counts.min() == 0
    assert counts.sum(axis=1).min() > 0
    assert (counts == 0).mean() > 0.3  # drop-out


@pytest.mark.parametrize("kind", range(len(profiles.TYPES)))
def test_markers_mark_their_type(plan, kind):
    counts = draw_counts(np.random.default_rng(0), plan, np.zeros(len(profiles.GENES)))
    share = counts / counts.sum(axis=1, keepdims=True)
    own = share[:, profiles.positions_of(profiles.TYPES[kind].markers)].sum(axis=1)
    assert own[plan.types == kind].mean() > 4 * own[plan.types != kind].mean()


@pytest.mark.parametrize(
    ("programme", "state"),
    [
        (profiles.GROWTH, "growth"),
        (profiles.STARVATION, "starvation"),
        (profiles.INFLAMMATION, "inflammation"),
        (profiles.INVASION, "border"),
    ],
)
def test_programmes_follow_the_cells_state_and_surroundings(plan, programme, state):
    level = log_levels(plan)[:, profiles.positions_of(programme)].mean(axis=1)
    tumour = plan.types == profiles.TUMOUR
    assert np.corrcoef(level[tumour], getattr(plan, state)[tumour])[0, 1] > 0.95


def test_patients_levels_spread_by_a_quarter():
    levels = np.stack([patient_levels(np.random.default_rng(seed)) for seed in range(50)])
    assert levels.shape == (50, len(profiles.GENES))
    np.testing.assert_allclose([levels.mean(), levels.std()], [0, 0.25], atol=0.01)


def levels_of(kind: int = profiles.FIBROBLAST, **states: float) -> np.ndarray:
    """Log levels (genes,) of one cell."""
    zero = dict.fromkeys(("growth", "starvation", "inflammation", "border"), 0.0) | states
    return log_levels(SimpleNamespace(types=np.array([kind]), **{key: np.array([v]) for key, v in zero.items()}))[0]


@pytest.mark.parametrize(
    ("programme", "state", "slope", "start"),
    [
        (profiles.GROWTH, "growth", 1.1, 0.0),
        (profiles.STARVATION, "starvation", 1.0, 0.0),
        (profiles.INFLAMMATION, "inflammation", 2.6, -0.6),
        (profiles.INVASION, "border", 1.8, -0.6),
    ],
)
def test_a_state_raises_its_programme_by_its_slope(programme, state, slope, start):
    own = profiles.positions_of(programme)
    rise = (levels_of(**{state: 1.0}) - levels_of())[own]
    assert (rise > 0.7 * slope).all()
    assert (rise < 1.3 * slope).all()
    twice = (levels_of(**{state: 2.0}) - levels_of())[own]
    np.testing.assert_allclose(twice, 2 * rise)
    others = np.setdiff1d(np.arange(len(profiles.GENES)), own)
    np.testing.assert_array_equal(levels_of(**{state: 1.0})[others], levels_of()[others])
    base = levels_of()[own] - 0.5 - start * rise / slope
    np.testing.assert_allclose(base.mean(), -1.2, atol=0.4)
    np.testing.assert_allclose(base.std(), 0.5, atol=0.2)


def test_markers_are_raised_in_their_order_and_housekeeping_genes_stand_out():
    markers = profiles.positions_of(profiles.TYPES[profiles.TUMOUR].markers)
    raised = (levels_of(profiles.TUMOUR) - levels_of())[markers]
    np.testing.assert_allclose(raised, 3.4 - 0.1 * np.arange(16))
    house = levels_of()[profiles.positions_of(profiles.HOUSEKEEPING)]
    np.testing.assert_allclose([house.mean(), house.std()], [0.9, 0.6], atol=0.15)


def test_a_cells_counts_follow_its_type_and_its_growth(plan):
    counts = draw_counts(np.random.default_rng(0), plan, np.zeros(len(profiles.GENES))).sum(axis=1)
    expected = np.array([420, 220, 150, 300, 330, 230, 350])[plan.types] * np.exp(0.25 * plan.growth) * 0.92
    ratio = counts / expected
    np.testing.assert_allclose(ratio.mean(), 1, atol=0.03)
    np.testing.assert_allclose(np.log(ratio).std(), 0.37, atol=0.03)  # 0.35 of the library, the rest of the counts
    for kind in range(5):
        np.testing.assert_allclose(ratio[plan.types == kind].mean(), 1, atol=0.12)
    slope = np.polyfit(plan.growth, np.log(counts / expected) + 0.25 * plan.growth, 1)[0]
    np.testing.assert_allclose(slope, 0.25, atol=0.05)


def test_counts_spread_as_a_gamma_poisson_that_misses_some(plan):
    many = SimpleNamespace(
        types=np.full(20_000, profiles.TUMOUR),
        **{key: np.zeros(20_000) for key in ("growth", "starvation", "inflammation", "border")},
    )
    counts = draw_counts(np.random.default_rng(0), many, np.zeros(len(profiles.GENES)))
    gene = profiles.positions_of(("EPCAM",))[0]
    levels = levels_of(profiles.TUMOUR)
    mean = 420 * np.exp(levels[gene]) / np.exp(levels).sum()
    library = np.exp(0.35**2)  # E[l²] / E[l]² of the library size
    square = 0.92 * (mean + mean**2 * library * (1 + 1 / 4))
    np.testing.assert_allclose(counts[:, gene].mean(), 0.92 * mean, rtol=0.02)
    np.testing.assert_allclose((counts[:, gene].astype(float) ** 2).mean(), square, rtol=0.04)
