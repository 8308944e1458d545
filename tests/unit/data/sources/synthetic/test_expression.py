"""What cells express: markers mark their type, programmes follow the cells' states, counts are raw."""

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
