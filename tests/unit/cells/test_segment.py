"""A slide's nuclei, window by window."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from past.base.errors import DataError
from past.cells.segment import find_nuclei
from past.slides.slide import slide_of_pixels

pytest.importorskip("skimage", reason="the extra 'cells' is not installed")


def dark(pixels: np.ndarray) -> np.ndarray:
    from skimage.measure import label

    return np.asarray(label(pixels[..., 0] < 100))


def discs(centres: np.ndarray, width: int, height: int) -> Image.Image:
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[:, : width - 300] = (220, 170, 200)
    y, x = np.mgrid[:height, :width] + 0.5
    for cx, cy in centres:
        pixels[np.hypot(x - cx, y - cy) <= 8] = (60, 40, 120)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("mpp", [0.5, 0.25])
def test_each_nucleus_is_found_once_also_on_the_windows_borders(monkeypatch: pytest.MonkeyPatch, mpp: float) -> None:
    monkeypatch.setattr("past.cells.segment.INNER", 200)
    monkeypatch.setattr("past.cells.segment.MARGIN", 32)
    centres = np.array([(x, y) for x in (9, 100, 199, 200, 203, 395, 400, 500) for y in (12, 60, 198, 240, 399, 430)])
    centres = np.delete(centres, [i for i, (x, _) in enumerate(centres) if x in (200, 203, 395)], axis=0).astype(float)
    slide = slide_of_pixels(Path("s"), discs(centres, 900, 450), mpp)
    done: list[tuple[int, int]] = []
    found = find_nuclei(slide, dark, lambda now, of: done.append((now, of)))
    assert len(found) == len(centres)
    order, wanted = np.lexsort(found.centres.round().T), np.lexsort(centres.T)
    np.testing.assert_allclose(found.centres[order], centres[wanted], atol=0.8)
    assert done[-1][0] == done[-1][1]
    assert found.outlines is not None
    assert np.ptp(found.outlines[0], axis=0) == pytest.approx([16, 16], abs=2.5)


def test_a_slide_without_nuclei_is_told() -> None:
    slide = slide_of_pixels(Path("s.tif"), discs(np.empty((0, 2)), 500, 400), 0.5)
    with pytest.raises(DataError, match=r"s\.tif: no nucleus found"):
        find_nuclei(slide, dark)
