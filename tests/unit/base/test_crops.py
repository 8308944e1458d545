import numpy as np
import pytest
from PIL import Image

from past.base.crops import cut_crop, exact_scale, resampled


@pytest.fixture(scope="module")
def image():
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 255, (30, 40, 3), dtype=np.uint8))
    return coarse.resize((160, 120), Image.Resampling.BICUBIC)


@pytest.mark.parametrize(("x", "y"), [(80, 60), (80.4, 59.6), (8, 8), (152, 112)])
def test_native_pixels_are_copied(image, x, y):
    crop = cut_crop(image, x, y, 16)
    left, top = round(x) - 8, round(y) - 8
    np.testing.assert_array_equal(crop, np.asarray(image)[top : top + 16, left : left + 16])


@pytest.mark.parametrize("px", [15, 16])
def test_native_crops_are_never_a_pixel_off_in_size(image, px):
    places = np.random.default_rng(1).uniform(0, 100, (200, 2)).astype(np.float32)
    assert {cut_crop(image, float(x), float(y), px).shape for x, y in places} == {(px, px, 3)}


@pytest.mark.parametrize("scale", [0.3, 0.72, 1.5, 3.7])
@pytest.mark.parametrize(("x", "y"), [(80.0, 60.0), (71.37, 63.9)])
def test_a_scaled_crop_equals_resampling_the_whole_image(image, scale, x, y):
    scale = exact_scale(scale)
    left, top = round(x / scale) - 8, round(y / scale) - 8
    box = (left * scale, top * scale, (left + 16) * scale, (top + 16) * scale)
    direct = np.asarray(image.resize((16, 16), Image.Resampling.LANCZOS, box=box)).astype(int)
    np.testing.assert_array_equal(cut_crop(image, x, y, 16, scale), direct)


def test_outside_the_image_is_black(image):
    crop = cut_crop(image, 0, 0, 16)
    assert not crop[:8].any()
    assert not crop[:, :8].any()
    np.testing.assert_array_equal(crop[8:, 8:], np.asarray(image)[:8, :8])
    assert not cut_crop(image, -40, 300, 16, 0.5).any()


def test_physical_size_holds_at_any_resolution():
    fine = np.zeros((400, 400, 3), np.uint8)
    fine[150:250, 150:250] = 255  # a square of 50 µm at 0.5 µm/px
    coarse = Image.fromarray(fine).reduce(4)
    one = cut_crop(Image.fromarray(fine), 200, 200, 100, 2.0)
    other = cut_crop(coarse, 50, 50, 100, 0.5)
    for crop in (one, other):
        assert abs((crop > 127).mean() - 0.25) < 0.01


@pytest.mark.parametrize("scale", [0.3, 1.83, 3.7])
def test_a_crop_alone_and_one_of_many_are_the_same(image, scale):
    scale = exact_scale(scale)
    whole = resampled(image, scale)
    for x, y in np.random.default_rng(2).uniform((0, 0), image.size, (50, 2)):
        np.testing.assert_array_equal(cut_crop(image, x, y, 16, scale), cut_crop(whole, x / scale, y / scale, 16))
