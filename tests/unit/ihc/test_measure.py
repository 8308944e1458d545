"""The density of a stain whose amounts are known, and a real one."""

import numpy as np
import pytest
from PIL import Image

from past.base.errors import ConfigError
from past.cells.nuclei import Nuclei
from past.ihc.measure import measure, stain_density

skimage = pytest.importorskip("skimage", reason="the extra 'cells' is not installed")

H, DAB = np.array([0.650, 0.704, 0.286]), np.array([0.268, 0.570, 0.776])
H, DAB = H / 1.0, DAB / 1.0


def light(blue: np.ndarray, brown: np.ndarray) -> np.ndarray:
    return np.round(255 * 10 ** -(blue[..., None] * H + brown[..., None] * DAB)).astype(np.uint8)


def test_known_amounts_are_found() -> None:
    blue, brown = np.meshgrid(np.linspace(0, 0.6, 7), np.linspace(0, 0.8, 9))
    found = stain_density(light(blue, brown))
    np.testing.assert_allclose(found[0], blue, atol=0.02)
    np.testing.assert_allclose(found[1], brown, atol=0.02)


def discs() -> tuple[Image.Image, Nuclei]:
    """Three nuclei 8 px wide on 60 × 200: of DAB 0.1, 0.5 within a ring of 0.9, and none."""
    y, x = np.mgrid[:60, :200] + 0.5
    brown = np.zeros((60, 200))
    near = np.hypot(x - 100, y - 30)
    brown[np.hypot(x - 40, y - 30) <= 12] = 0.1
    brown[near <= 14] = 0.9
    brown[near <= 8.6] = 0.5
    return Image.fromarray(light(np.full((60, 200), 0.1), brown)), Nuclei(np.array([[40.0, 30], [100, 30], [160, 30]]))


def test_nuclei_and_the_rings_around_them() -> None:
    picture, nuclei = discs()
    assert measure(picture, nuclei, 0.5) == pytest.approx([0.1, 0.5, 0], abs=0.02)
    assert measure(picture, nuclei, 0.5, "ring", 2.0) == pytest.approx([0.1, 0.9, 0], abs=0.05)
    both = measure(picture, nuclei, 0.5, "cell", 2.0)
    assert 0.55 < both[1] < 0.8


def test_windows_of_a_large_picture_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    picture, nuclei = discs()
    whole = measure(picture, nuclei, 0.5, "ring")
    monkeypatch.setattr("past.ihc.measure.TILE", 37)
    np.testing.assert_allclose(measure(picture, nuclei, 0.5, "ring"), whole)


def test_a_nucleus_beyond_the_picture_has_no_density() -> None:
    picture, _ = discs()
    assert np.isnan(measure(picture, Nuclei(np.array([[400.0, 30.0]])), 0.5)).all()
    with pytest.raises(ConfigError, match="--compartment membrane: use nucleus, ring, cell"):
        measure(picture, Nuclei(np.array([[4.0, 3.0]])), 0.5, "membrane")


def test_a_real_stain() -> None:
    """Colon glands stained for FHL2 with DAB: what is brown to the eye has density above 0.2."""
    from skimage.data import immunohistochemistry

    pixels = immunohistochemistry()
    blue, brown = stain_density(pixels)
    rgb = pixels.astype(int)
    looks_brown = (rgb[..., 0] - rgb[..., 2] > 60) & (rgb.sum(axis=-1) < 480)
    looks_blue = (rgb[..., 2] - rgb[..., 0] > 30) & (rgb.sum(axis=-1) < 480)
    assert (brown[looks_brown] > 0.2).mean() > 0.95
    assert (brown[looks_blue] > 0.2).mean() < 0.05
    assert brown[looks_brown].mean() > 3 * brown[looks_blue].mean()
    assert blue[looks_blue].mean() > 2 * blue[looks_brown].mean()
