"""Nuclei: one painted where each cell lies, larger where it grows."""

from dataclasses import replace

import numpy as np

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


def painted(growth: float) -> np.ndarray:
    """Haematoxylin (80, 80) at 0.5 µm/px of one tumour cell in the middle."""
    whole = layout.plan_section(np.random.default_rng(5), 200.0, tumour=0.4, immune=1.0)
    one = replace(
        whole,
        places=np.array([[20.0, 20.0]]),
        types=np.array([profiles.TUMOUR]),
        angles=np.zeros(1),
        growth=np.array([growth]),
    )
    haematoxylin, eosin = np.zeros((80, 80), np.float32), np.zeros((80, 80), np.float32)
    paint_nuclei(np.random.default_rng(0), one, 0.5, haematoxylin, eosin)
    return haematoxylin


def test_a_nucleus_lies_where_its_cell_does_and_is_as_large_as_its_type_says():
    haematoxylin = painted(0.0)
    rows, columns = np.nonzero(haematoxylin > 0.05)
    np.testing.assert_allclose([rows.mean(), columns.mean()], [40, 40], atol=1.5)
    radius = profiles.TYPES[profiles.TUMOUR].radius / 0.5  # px
    assert np.pi * radius**2 * 0.6 < len(rows) < np.pi * radius**2 * 1.5
    assert haematoxylin[:20].max() == 0


def test_a_nucleus_that_grows_is_larger():
    assert (painted(2.0) > 0.05).sum() > 1.3 * (painted(-1.0) > 0.05).sum()


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
