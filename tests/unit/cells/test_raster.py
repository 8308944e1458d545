"""Nuclei drawn as pixels, and read from them."""

import numpy as np
import pytest

from past.cells.nuclei import Nuclei
from past.cells.raster import Raster, nuclei_in

pytest.importorskip("skimage", reason="the extra 'cells' is not installed")


def test_outlines_drawn_again_are_the_pixels_that_they_are_of() -> None:
    y, x = np.mgrid[:80, :120]
    labels = np.zeros((80, 120), np.int32)
    labels[np.hypot(x - 30, (y - 40) / 2) < 9] = 1
    labels[np.abs(x - 80) + np.abs(y - 30) < 12] = 2
    labels[70:80, 0:7] = 3
    found = nuclei_in(labels, left=1000, top=500)
    assert found.names == ("1", "2", "3")
    np.testing.assert_allclose(found.centres[1], (1080.5, 530.5))
    again = Raster(found, radius=5).labels(1000, 500, 1120, 580)
    np.testing.assert_array_equal(again, labels)


def test_a_window_shows_what_the_whole_shows_and_growth_ends_at_neighbours() -> None:
    nuclei = Nuclei(np.array([[50.0, 50.0], [70.0, 50.0], [10.0, 90.0]]))
    for grown in (0.0, 8.0):
        raster = Raster(nuclei, radius=6, grown=grown)
        whole = raster.labels(0, 0, 100, 100)
        np.testing.assert_array_equal(raster.labels(40, 30, 75, 70), whole[30:70, 40:75])
    assert set(np.unique(whole)) == {0, 1, 2, 3}
    assert whole[50, 59] == 1
    assert whole[50, 61] == 2
    area = (whole == 3).sum()
    assert area == pytest.approx(np.pi * 14**2 * 0.75, rel=0.25)
