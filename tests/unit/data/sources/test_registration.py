"""Cells beside their nuclei: what seems wrong with a registration is said, and what is right is not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from past.data.sources.anndata import AnnDataSource
from past.data.sources.registration import judge, red_density
from past.data.sources.synthetic.section import SyntheticSource
from past.data.sources.tissue import TissueSection

UM = 2.125


@pytest.fixture(scope="module")
def ncbi858(real_data: Path) -> TissueSection:
    source = AnnDataSource(real_data / "xenium" / "NCBI858.h5ad")
    return source.open(source.genes())


def warned(tissue: TissueSection, centres: np.ndarray) -> str:
    return "\n".join(judge(replace(tissue, centres=centres)).warnings)


def test_a_real_section_in_its_place_gives_no_warning(ncbi858: TissueSection) -> None:
    found = judge(ncbi858)
    assert found.warnings == ()
    assert found.best == (0.0, 0.0)
    assert found.clear > 10
    assert found.under.mean() > 2 * found.elsewhere.mean()


def test_exchanged_axes_are_seen(ncbi858: TissueSection) -> None:
    assert "the cells fit the nuclei with x and y exchanged" in warned(ncbi858, ncbi858.centres[:, ::-1].copy())


@pytest.mark.parametrize("angle", range(0, 360, 45))
def test_a_shift_of_100_um_is_seen_and_measured(ncbi858: TissueSection, angle: int) -> None:
    shift = 100 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    found = judge(replace(ncbi858, centres=ncbi858.centres + shift / UM))
    assert "shifted?" in found.warnings[-1]
    np.testing.assert_allclose(found.best, -shift, atol=10)


@pytest.mark.parametrize(("scale", "says"), [(2.0, "at half their coordinates"), (0.5, "at twice their coordinates")])
def test_a_scale_wrong_by_2_is_seen(ncbi858: TissueSection, scale: float, says: str) -> None:
    assert says in warned(ncbi858, ncbi858.centres * scale)


def test_cells_of_another_image_are_seen() -> None:
    tissue, other = SyntheticSource(0, cells=150).open(), SyntheticSource(1, cells=150).open()
    assert judge(tissue).warnings == ()
    assert "no darker under the cells" in "\n".join(judge(replace(tissue, image=other.image)).warnings)


@pytest.mark.parametrize("name", ["her2st/B4", "als/CN51_C2_1", "als/CN62_E2"])
def test_spots_too_large_to_tell_give_no_warning(real_data: Path, name: str) -> None:
    source = AnnDataSource(real_data / f"{name}.h5ad")
    assert judge(source.open(source.genes())).warnings == ()


def test_density_is_minus_the_log_of_red() -> None:
    pixels = np.full((9, 9, 3), 255, np.uint8)
    assert red_density(pixels).max() == 0
    pixels[..., 0] = 51
    np.testing.assert_allclose(red_density(pixels), np.log(5))


def test_elsewhere_is_where_the_cells_lie() -> None:
    pixels = np.full((400, 400, 3), 255, np.uint8)
    pixels[:, :100] = 51  # all tissue lies on the left
    centres = np.random.default_rng(0).uniform((10, 10), (80, 390), (150, 2))
    tissue = SyntheticSource(0, cells=150).open()
    found = judge(replace(tissue, image=Image.fromarray(pixels), centres=centres))
    np.testing.assert_allclose(found.under, np.log(5), rtol=0.01)
    np.testing.assert_allclose(found.elsewhere, np.log(5), rtol=0.01)
