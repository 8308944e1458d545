"""Nuclei that are found where they are."""

import numpy as np
import pytest
from found_nuclei import f1

from past.cells.classical import label_nuclei
from past.cells.raster import nuclei_in
from past.data.sources.synthetic.section import SyntheticSource

pytest.importorskip("skimage", reason="the extra 'cells' is not installed")


def stained(blue: np.ndarray, eosin: float = 0.15) -> np.ndarray:
    h, e = np.array([0.65, 0.70, 0.29]), np.array([0.07, 0.99, 0.11])
    noise = np.random.default_rng(0).normal(0, 1.5, (*blue.shape, 3))
    return np.clip(255 * 10 ** -(blue[..., None] * h + eosin * e) + noise, 0, 255).astype(np.uint8)


def test_discs_that_touch_are_two_and_a_spindle_is_one() -> None:
    y, x = np.mgrid[:200, :240]
    blue = np.full((200, 240), 0.03)
    for cx, cy in ((60, 60), (79, 60), (150, 40)):
        blue[np.hypot(x - cx, y - cy) < 9] = 0.5
    spindle = np.hypot((x - 120) / 26, (y - 140) / 6) < 1
    blue[spindle] = 0.45
    found = nuclei_in(label_nuclei(stained(blue)))
    assert len(found) == 4
    away = np.abs(found.centres[:, None] - np.array([[60, 60], [79, 60], [150, 40], [120, 140]]) - 0.5).max(axis=2)
    assert away.min(axis=0).max() < 2


def test_glass_has_no_nuclei() -> None:
    assert not label_nuclei(stained(np.zeros((150, 150)), eosin=0.0)).any()


def test_synthetic_nuclei_are_found() -> None:
    source = SyntheticSource(0, cells=60)
    true, kinds = source.nuclei()
    image = np.asarray(source.open().image)
    found = nuclei_in(label_nuclei(image)).centres
    score, precision, recall = f1(true * 0.5, found * 0.5)
    assert score > 0.85
    assert min(precision, recall) > 0.8
    spindles = true[kinds == "fibroblast"]
    assert f1(spindles * 0.5, found * 0.5)[2] > 0.85
