"""A synthetic slide: what is written is what was laid, a pyramid with its µm/px, and each cell lies on its nucleus."""

from pathlib import Path

import anndata
import numpy as np
import pytest

from past.base.errors import ConfigError
from past.data.sources.anndata import AnnDataSource
from past.data.sources.synthetic.profiles import GENES
from past.data.sources.synthetic.slide import PITCH, make_slide, turned, turned_places, write_slide
from past.slides.slide import open_slide


@pytest.fixture(scope="module")
def slide():
    return make_slide(across=3, down=1, cells=8, seed=3)


def test_places_turn_as_pixels_do():
    square = np.zeros((7, 7, 3), np.uint8)
    square[2, 5] = 255
    for turn in range(8):
        (place,) = turned_places(np.array([[5.5, 2.5]]), turn, 7)
        column, row = place.astype(int)
        assert turned(square, turn)[row, column].all()
        assert turned(square, turn).sum() == 3 * 255
    assert len({tuple(turned_places(np.array([[5.5, 2.5]]), turn, 7)[0]) for turn in range(8)}) == 8


def test_a_slide_is_written_as_it_was_laid(tmp_path: Path, slide) -> None:
    pytest.importorskip("tifffile", reason="the extra 'tiff' is not installed")
    beside = write_slide(tmp_path / "a.tiff", slide)
    opened = open_slide(tmp_path / "a.tiff")
    assert opened.size == slide.size == (3 * PITCH, PITCH)
    assert (opened.mpp, opened.mpp_source) == (0.5, "the TIFF's resolution")
    assert [level.factor for level in opened.levels] == [1, 4, 16]
    corner = slide.cores[1].corner
    x, y = ((corner + 100) // 4 * 4).tolist()
    read = np.asarray(opened.levels[0].picture.crop((x, y, x + 300, y + 300))).astype(int)
    laid = slide.pixels(x, y, 300).astype(int)
    assert np.abs(read - laid).mean() < 6  # of JPEG
    small = np.asarray(opened.levels[1].picture.crop((x // 4, y // 4, x // 4 + 75, y // 4 + 75))).astype(int)
    assert np.abs(small - laid.reshape(75, 4, 75, 4, 3).mean(axis=(1, 3))).mean() < 6
    assert beside == tmp_path / "a.h5ad"


def test_the_cells_beside_it_are_a_section_whose_crops_are_its_tissue(tmp_path: Path, slide) -> None:
    pytest.importorskip("tifffile", reason="the extra 'tiff' is not installed")
    source = AnnDataSource(write_slide(tmp_path / "a.tiff", slide))
    tissue = source.open(GENES)
    tissue.check()
    written = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert set(written.obs["core"]) <= {"core01", "core02", "core03"}
    assert written.n_obs > 12
    core = slide.cores[1]
    of_section, side = slide.sections[core.section], len(slide.inside[0])
    own = int(np.linalg.norm(of_section.centres - side / 2, axis=1).argmin())  # far from the core's edge
    (place,) = turned_places(of_section.centres[own : own + 1], core.turn, side) + core.corner
    found = int(np.linalg.norm(written.obsm["spatial"] - place, axis=1).argmin())
    np.testing.assert_allclose(written.obsm["spatial"][found], place)
    assert written.obs["core"].iloc[found] == "core02"
    np.testing.assert_array_equal(written.X[found].toarray(), of_section.counts[own].toarray())
    plain = next(of_section.records(px=32, mpp=0.5, neighbours=0, start=own)).crop
    crop = next(
        tissue.records(px=32, mpp=0.5, neighbours=0, start=list(tissue.names).index(written.obs_names[found]))
    ).crop
    assert np.abs(crop.astype(int) - turned(plain, core.turn)).mean() < 8  # JPEG, and half a pixel


def test_cores_lie_on_glass_and_differ(slide) -> None:
    assert (slide.pixels(0, 0, 40) == 243).all()
    assert (slide.pixels(-100, 5 * PITCH, 10) == 243).all()
    assert len({tuple(core.corner) for core in slide.cores}) == 3
    shares = [inside.mean() for inside in slide.inside]
    assert 0.5 < min(shares) < max(shares) < 0.8
    again = make_slide(across=3, down=1, cells=8, seed=3)
    np.testing.assert_array_equal(again.pixels(0, 0, PITCH), slide.pixels(0, 0, PITCH))


def test_a_core_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"--cells 600: cores of 2,024 px do not fit 1,536 px apart: ask for fewer"):
        make_slide(1, 1, 600, 0)
