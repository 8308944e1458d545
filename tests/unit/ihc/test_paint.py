"""The painted stain, measured again as a real one."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from past.base.errors import ConfigError
from past.cells.nuclei import Nuclei
from past.ihc.measure import measure
from past.ihc.paint import density_of, painter, write_ome_tiff, write_png

skimage = pytest.importorskip("skimage", reason="the extra 'cells' is not installed")

CENTRES = np.array([[100.0, 100.0], [300.0, 120.0], [520.0, 500.0], [700.0, 300.0]])
DENSITY = np.array([0.0, 0.3, 0.7, np.nan])


def pale(width: int = 900, height: int = 700) -> Image.Image:
    """H&E with eosin alone, so that no blue is kept."""
    eosin = 10 ** -(0.2 * np.array([0.07, 0.99, 0.11]))
    return Image.fromarray(np.tile(np.round(255 * eosin).astype(np.uint8), (height, width, 1)))


def test_painted_densities_are_measured_again(tmp_path: Path) -> None:
    nuclei = Nuclei(CENTRES)
    paint = painter(pale(), nuclei, DENSITY, 0.25)
    found = measure(Image.fromarray(paint((0, 0, 900, 700))), nuclei, 0.25)
    assert found == pytest.approx([0, 0.3, 0.7, 0], abs=0.04)
    write_png(tmp_path / "p.png", paint, (500, 480, 560, 520))
    assert Image.open(tmp_path / "p.png").size == (60, 40)
    whole, part = paint((0, 0, 900, 700)), np.asarray(Image.open(tmp_path / "p.png"))
    np.testing.assert_array_equal(part, whole[480:520, 500:560])


def test_haematoxylin_is_kept() -> None:
    pixels = np.full((64, 64, 3), 255, np.uint8)
    pixels[20:40, 20:40] = np.round(255 * 10 ** -(0.5 * np.array([0.65, 0.70, 0.29])))
    painted = painter(Image.fromarray(pixels), Nuclei(np.array([[5.0, 5.0]])), np.zeros(1), 0.5)((0, 0, 64, 64))
    assert painted[50, 50].min() >= 253
    np.testing.assert_allclose(painted[30, 30].astype(int), pixels[30, 30].astype(int), atol=6)


def test_the_ome_tiff_is_read_by_tifffile_and_openslide(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    openslide = pytest.importorskip("openslide")
    picture = pale(2600, 1100)
    nuclei = Nuclei(np.array([[1000.0, 500.0]]), (np.array([[900.0, 400], [1100, 400], [1100, 600], [900, 600]]),))
    paint = painter(picture, nuclei, np.array([0.8]), 0.5)
    path = tmp_path / "stain.ome.tiff"
    write_ome_tiff(path, paint, 0.5, "HER2")
    assert sorted(part.name for part in tmp_path.iterdir()) == ["stain.ome.tiff"]
    with tifffile.TiffFile(path) as file:
        assert file.is_ome
        series = file.series[0]
        assert [level.shape for level in series.levels] == [(1100, 2600, 3), (275, 650, 3)]
        assert 'PhysicalSizeX="0.5"' in (file.ome_metadata or "")
        whole, small = series.levels[0].asarray(), series.levels[1].asarray()
    np.testing.assert_allclose(whole[450:550, 950:1050].astype(int), paint((950, 450, 1050, 550)).astype(int), atol=12)
    np.testing.assert_allclose(small[125, 250].astype(int), whole[500, 1000].astype(int), atol=12)
    slide = openslide.OpenSlide(str(path))
    assert slide.dimensions == (2600, 1100)
    seen = np.asarray(slide.read_region((950, 450), 0, (100, 100)).convert("RGB")).astype(int)
    np.testing.assert_allclose(seen, whole[450:550, 950:1050].astype(int), atol=12)
    assert float(slide.properties["openslide.mpp-x"]) == pytest.approx(0.5)


def test_intensities_become_densities_of_the_same_grade() -> None:
    levels = (1.0, 2.0, 2.5)
    assert density_of(np.array([0.0, 1.0, 2.0, 2.5, 4.0, 9.0]), levels).tolist() == [0, 0.2, 0.4, 0.6, 1.2, 1.2]
    with pytest.raises(ConfigError, match="--compartment ring: use nucleus or cell"):
        painter(pale(), Nuclei(CENTRES), DENSITY, 0.5, "ring")
