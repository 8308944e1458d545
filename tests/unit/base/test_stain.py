from pathlib import Path

import numpy as np
import pytest
import torch
from planted import Slice, write_planted

from past.base.stain import MEAN, SPREAD, stain_table
from past.data.shards.index import ShardIndex
from past.nn.colour import optical_density

PALE, DARK = Slice("S0", "A", cells=12, stain=3), Slice("S1", "B", cells=12)


@pytest.fixture
def index(tmp_path: Path) -> ShardIndex:
    return write_planted(tmp_path / "set", [PALE, DARK])


def histogram(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal([[60], [110], [170]], [[10], [25], [30]], (3, 5000)).clip(0, 255).astype(int)
    return np.stack([np.bincount(channel, minlength=256) for channel in values])


def mean_and_spread(crops: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Of optical density over all pixels of a channel, (3, 1) each."""
    density = optical_density(crops).transpose(0, 1).flatten(1).numpy()
    return density.mean(axis=1, keepdims=True), density.std(axis=1, keepdims=True)


def test_a_table_brings_optical_density_to_one_mean_and_spread() -> None:
    found = histogram(0)
    table = stain_table(found)
    assert table.shape == (3, 256)
    assert table.dtype == np.uint8
    for channel in range(3):
        pixels = torch.from_numpy(np.repeat(table[channel], found[channel])).view(1, 1, 1, -1).expand(1, 3, 1, -1)
        mean, spread = mean_and_spread(pixels)
        assert mean[0] == pytest.approx(MEAN[channel], abs=0.01)
        assert spread[0] == pytest.approx(SPREAD[channel], abs=0.01)


def test_a_table_keeps_the_order_of_values() -> None:
    for seed in range(3):
        assert (np.diff(stain_table(histogram(seed)).astype(int), axis=1) >= 0).all()


def test_a_section_of_one_colour_becomes_the_usual_one() -> None:
    even = np.zeros((3, 256))
    even[:, 200] = 10
    expected = np.round(256 * 10**-MEAN - 1)
    np.testing.assert_array_equal(stain_table(even)[:, 200:201], expected)
