from pathlib import Path

import numpy as np
import pytest
from tiny_bench import write_sample

from past.base.stain import stain_table
from past.slides.feature_cache import TileChange
from past.slides.tile_colour import histogram, mean_density, with_normal_stain, without_mean_colour
from past.slides.tiles import PatchFile, write_patches

DARKER = TileChange("half", lambda tiles: tiles // 2)


@pytest.fixture
def patches(tmp_path: Path) -> PatchFile:
    write_sample(tmp_path, "S", seed=0)
    return PatchFile.open(tmp_path / "patches" / "S.h5")


def test_mean_density_of_known_pixels() -> None:
    counts = np.zeros((3, 256))
    counts[0, 255] = 4  # white
    counts[1, [255, 51]] = 1, 3  # 51 is a fifth of 255
    counts[2, 0] = 2  # black counts as 1
    expected = [0, 0.75 * np.log10(5), np.log10(255)]
    np.testing.assert_allclose(mean_density(counts), expected, atol=1e-12)


def test_the_histogram_counts_every_pixel_of_what_is_done_to_the_tiles(tmp_path: Path) -> None:
    tiles = np.zeros((70, 2, 2, 3), np.uint8)  # more than are read at once
    tiles[..., 1] = 200
    tiles[69, 0, 0] = 10, 20, 30
    write_patches(tmp_path / "p.h5", tiles, np.arange(140).reshape(70, 2), [str(i) for i in range(70)])
    file = PatchFile.open(tmp_path / "p.h5")
    counts = histogram(file)
    assert [counts[0, 0], counts[0, 10], counts[1, 200], counts[1, 20], counts[2, 0], counts[2, 30]] == [279, 1] * 3
    halved = histogram(file, DARKER)
    assert [halved[1, 100], halved[1, 10], halved.sum()] == [279, 1, 840]


def test_without_its_mean_colour_every_section_has_the_same(patches: PatchFile, tmp_path: Path) -> None:
    darker = patches.images(0, 30) // 2
    write_patches(tmp_path / "darker.h5", darker, patches.coords, list(patches.barcodes))
    other = PatchFile.open(tmp_path / "darker.h5")
    before = [mean_density(histogram(file)) for file in (patches, other)]
    densities = [mean_density(histogram(file, without_mean_colour(file))) for file in (patches, other)]
    assert np.abs(before[0] - before[1]).max() > 0.25
    assert np.abs(densities[0] - densities[1]).max() < 0.01


def test_normal_stain_is_the_trainings_and_follows_what_is_done_before(patches: PatchFile) -> None:
    tiles = patches.images(0, 30)
    counts = np.stack([np.bincount(tiles[..., channel].ravel(), minlength=256) for channel in range(3)])
    table = stain_table(counts.astype(float))
    normal = with_normal_stain(patches)
    assert np.array_equal(normal.apply(tiles)[..., 1], table[1][tiles[..., 1]])
    both = with_normal_stain(patches, DARKER)
    assert both.name == "half, then stain normalised"
    assert np.abs(both.apply(tiles).astype(float) - normal.apply(tiles)).mean() < 3  # the same stain either way
