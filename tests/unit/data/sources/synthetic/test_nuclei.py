"""Nuclei: one painted where each cell lies, larger where it grows."""

from dataclasses import replace

import numpy as np
import pytest

from past.data.sources.synthetic import layout, profiles
from past.data.sources.synthetic.nuclei import paint_nuclei, window
from past.data.sources.synthetic.section import SyntheticSource


def test_a_window_is_cut_at_the_arrays_edge():
    (rows, columns), dx, dy = window((20, 30), 2.5, 10.0, 4)
    assert (rows, columns) == (slice(6, 15), slice(0, 7))
    assert dx.ravel().tolist() == [-2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5]
    assert dy.ravel().tolist() == list(range(-4, 5))
    (rows, columns), dx, dy = window((20, 30), 90.0, 90.0, 4)
    assert (dx.size, dy.size) == (0, 0)


def painted(
    growth: float, kind: int = profiles.TUMOUR, angle: float = 0.0, *beneath: float
) -> tuple[np.ndarray, np.ndarray]:
    """Haematoxylin and eosin (80, 80) at 0.5 µm/px of one cell in the middle."""
    whole = layout.plan_section(np.random.default_rng(5), 200.0, tumour=0.4, immune=1.0)
    one = replace(
        whole,
        places=np.array([[20.0, 20.0]]),
        types=np.array([kind]),
        angles=np.array([angle]),
        growth=np.array([growth]),
    )
    haematoxylin, eosin = (np.full((80, 80), amount, np.float32) for amount in beneath or (0.0, 0.0))
    paint_nuclei(np.random.default_rng(0), one, 0.5, haematoxylin, eosin)
    return haematoxylin, eosin


def test_a_nucleus_lies_where_its_cell_does_and_is_as_large_as_its_type_says():
    haematoxylin, _ = painted(0.0)
    rows, columns = np.nonzero(haematoxylin > 0.05)
    np.testing.assert_allclose([rows.mean(), columns.mean()], [40, 40], atol=1.5)
    radius = profiles.TYPES[profiles.TUMOUR].radius / 0.5  # px
    assert np.pi * radius**2 * 0.6 < len(rows) < np.pi * radius**2 * 1.5
    assert haematoxylin[:20].max() == 0


def test_a_nucleus_that_grows_is_larger():
    assert (painted(2.0)[0] > 0.05).sum() > 1.3 * (painted(-1.0)[0] > 0.05).sum()


def dense(counts):
    return np.asarray(counts.todense())


def test_growth_shows_in_the_nuclei():
    """Nuclei of cells that grow are larger: more pixels around the cell's centre are dark."""
    section = SyntheticSource(patient=1, cells=250, seed=0)
    tissue = section.open()
    tumour = [i for i, kind in enumerate(tissue.cell_types or ()) if kind == "tumour"]
    share = dense(tissue.counts)[tumour]
    growth = share[:, profiles.positions_of(profiles.GROWTH)].sum(axis=1) / share.sum(axis=1)
    red = np.asarray(tissue.image)[..., 0]
    dark = [(red[int(y) - 16 : int(y) + 16, int(x) - 16 : int(x) + 16] < 130).mean() for x, y in tissue.centres[tumour]]
    assert np.corrcoef(growth, dark)[0, 1] > 0.25


@pytest.mark.parametrize(
    ("kind", "stains", "centre", "turned"),
    [
        (profiles.TUMOUR, (13.414, 3.905, 38.938), (40.228, 40.078), 11.470),
        (profiles.FIBROBLAST, (12.652, 3.367, 39.445), (40.556, 39.665), 26.747),
        (profiles.LYMPHOCYTE, (13.330, 6.182, 39.599), (39.675, 40.127), 1.987),
        (profiles.PLASMA, (13.036, 5.025, 39.545), (40.349, 40.228), 2.420),
        (profiles.MACROPHAGE, (12.164, 2.522, 39.266), (40.603, 39.768), 9.104),
        (profiles.ENDOTHELIUM, (12.271, 3.127, 39.580), (40.680, 39.775), 23.761),
        (profiles.GLAND, (12.968, 4.054, 39.395), (40.296, 39.825), 9.646),
    ],
)
def test_a_types_nucleus_is_the_same_in_every_version(kind, stains, centre, turned):
    """README's and reports' figures stand on these sections; computed once, by the version that made them."""
    haematoxylin, eosin = painted(0.5, kind, 0.5, 0.1, 0.4)
    found = [haematoxylin.mean(), (haematoxylin**2).mean(), eosin.mean()]
    np.testing.assert_allclose(np.multiply(found, 100), stains, atol=2e-3)
    weight, x = haematoxylin - 0.1, np.arange(80)
    mean = [(weight * x).sum() / weight.sum(), (weight * x[:, None]).sum() / weight.sum()]
    np.testing.assert_allclose(mean, centre, atol=5e-3)
    along = (weight * (x - 40) * (x[:, None] - 40)).sum() / weight.sum()  # positive: turned by less than a quarter
    np.testing.assert_allclose(along, turned, atol=0.02)
