"""Where things lie: nuclei keep apart, each type in its niche, fibroblasts along the fibres."""

import numpy as np
import pytest

from past.data.sources.synthetic import layout, profiles


@pytest.fixture(scope="module")
def plan():
    return layout.plan_section(np.random.default_rng(5), 500.0, tumour=0.4, immune=1.5)


def test_nuclei_keep_their_distance_and_lie_in_their_niches(plan):
    gaps = np.linalg.norm(plan.places[:, None] - plan.places[None], axis=-1)
    np.fill_diagonal(gaps, np.inf)
    assert gaps.min() > 4.5  # µm
    corner = np.round(plan.places / layout.GRID).astype(int)
    niche = plan.niche[corner[:, 1], corner[:, 0]]
    immune_or_tumour = np.isin(plan.types, (profiles.TUMOUR, profiles.LYMPHOCYTE))
    assert not np.isin(niche[immune_or_tumour], (layout.LUMEN, layout.GLASS)).any()
    assert (plan.types[niche == layout.NEST] == profiles.TUMOUR).mean() > 0.75
    assert set(np.unique(plan.types)) == set(range(len(profiles.TYPES)))


def test_fibroblasts_lie_along_the_fibres(plan):
    slope_y, slope_x = (layout.at(slope, plan.places) for slope in np.gradient(plan.flow))
    across = np.abs(np.cos(plan.angles) * slope_x + np.sin(plan.angles) * slope_y) / np.hypot(slope_x, slope_y)
    assert np.median(across[plan.types == profiles.FIBROBLAST]) < 0.25
    assert np.median(across[plan.types == profiles.TUMOUR]) > 0.5


def test_a_field_is_of_mean_0_and_deviation_1_and_smooth():
    field = layout.smooth_field(np.random.default_rng(0), (80, 80), 6)
    np.testing.assert_allclose([field.mean(), field.std()], [0, 1], atol=1e-5)
    assert np.abs(np.diff(field)).max() < 0.6


def test_a_field_is_read_linearly_between_its_points():
    field = np.arange(9.0).reshape(3, 3)  # rows are y; a point every 2 µm
    places = np.array([[0.0, 0.0], [2.0, 4.0], [1.0, 0.0], [0.0, 1.0], [99.0, 99.0]])
    assert layout.at(field, places).tolist() == [0, 7, 0.5, 1.5, 8]


def test_a_lumens_edge_is_at_its_radius():
    rings = layout.Rings(np.array([[0.0, 0.0], [100.0, 0.0]]), np.array([10.0, 5.0]), np.ones(2), np.zeros(2))
    distance, which = rings.distance(np.array([[0.0, 0.0], [30.0, 0.0], [100.0, 20.0]]))
    assert which.tolist() == [0, 0, 1]
    assert distance[0] == -10
    np.testing.assert_allclose(distance[1:], [20, 15], atol=3)  # outlines ripple by a tenth


def test_the_plan_of_a_seed_is_the_same_in_every_version(plan):
    """README's and reports' figures stand on these sections; computed once, by the version that made them."""
    np.testing.assert_allclose(np.bincount(plan.types), [475, 359, 85, 37, 55, 39, 14], atol=1)
    np.testing.assert_allclose(np.bincount(plan.niche.ravel()), [36558, 24464, 186, 423, 564, 577, 229], atol=10)
    for rings, count, radius, aspect, angle in (
        (plan.glands, 1, 23.372, 0.9258, 2.8265),
        (plan.vessels, 3, 8.677, 0.9206, 1.7151),
    ):
        assert len(rings.centres) == count
        np.testing.assert_allclose(
            [rings.radii.mean(), rings.aspect.mean(), rings.angle.mean()], [radius, aspect, angle], rtol=1e-4
        )
    np.testing.assert_allclose(plan.places.mean(axis=0), [239.56, 247.74], atol=0.5)
    np.testing.assert_allclose([plan.flow.mean(), plan.flow.std()], [-144.852, 151.818], atol=0.1)
    states = (np.cos(2 * plan.angles), np.sin(2 * plan.angles), plan.growth, plan.starvation, plan.inflammation)
    by_type = [  # directions of the nuclei, growth, starvation, inflammation, border
        [0.031, -0.050, 0.129, -0.100, 0.131, 0.147],
        [-0.232, 0.186, -0.001, 0.039, 0.297, 0.165],
        [0.019, 0.087, -0.126, 0.240, 0.324, 0.210],
        [0.233, -0.097, 0.218, 0.023, 0.410, 0.137],
        [0.059, 0.051, -0.186, 0.074, 0.299, 0.187],
        [-0.027, 0.056, -0.074, 0.121, 0.290, 0.181],
        [-0.287, -0.061, -1.312, -0.984, 0.204, 0.323],
    ]
    for kind, expected in enumerate(by_type):
        found = [state[plan.types == kind].mean() for state in (*states, plan.border)]
        np.testing.assert_allclose(found, expected, atol=0.01)


def test_rings_keep_apart_from_each_other_and_from_others():
    rng = np.random.default_rng(0)
    glands = layout._rings(rng, 500.0, 8, (9, 24), apart=95)
    vessels = layout._rings(rng, 500.0, 12, (4, 13), apart=60, away_from=glands)
    assert len(glands.centres) == 8
    assert len(vessels.centres) == 12
    for own, others, apart in ((glands, glands, 95), (vessels, vessels, 60), (vessels, glands, 60)):
        gaps = np.linalg.norm(own.centres[:, None] - others.centres[None], axis=-1)
        assert gaps[gaps > 0].min() > apart
    assert 9 <= glands.radii.min() <= glands.radii.max() <= 24
