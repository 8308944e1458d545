"""What a section looks like: glass is bright, nuclei are blue, patients' stains differ."""

import numpy as np
import pytest

from past.data.sources.synthetic import layout
from past.data.sources.synthetic.histology import MPP, draw_stain, render


@pytest.fixture(scope="module")
def plan():
    return layout.plan_section(np.random.default_rng(5), 200.0, tumour=0.4, immune=1.0)


def test_a_stain_is_two_unit_vectors_and_plausible_light():
    stains = [draw_stain(np.random.default_rng(seed)) for seed in range(20)]
    for stain in stains:
        np.testing.assert_allclose(np.linalg.norm(stain.vectors, axis=1), 1)
        assert stain.vectors[0, 0] > stain.vectors[1, 0]  # haematoxylin takes more red than eosin
        assert stain.light.min() > 230
    assert np.ptp([stain.strength[0] for stain in stains]) > 0.2


def test_the_image_is_of_the_sections_size_and_the_same_every_time(plan):
    stain = draw_stain(np.random.default_rng(1))
    image = render(np.random.default_rng(2), plan, stain)
    assert (image.size, image.mode) == ((round(plan.side / MPP),) * 2, "RGB")
    again = render(np.random.default_rng(2), plan, stain)
    np.testing.assert_array_equal(np.asarray(again), np.asarray(image))


def test_nuclei_take_more_red_than_what_lies_between_them(plan):
    red = np.asarray(render(np.random.default_rng(2), plan, draw_stain(np.random.default_rng(1))))[..., 0]
    inside = ((plan.places > 10) & (plan.places < plan.side - 10)).all(axis=1)
    columns, rows = np.floor(plan.places[inside] / MPP).astype(int).T
    assert np.median(red[rows, columns]) < np.median(red) - 20


def test_a_sections_colours_are_the_same_in_every_version(plan):
    """README's and reports' figures stand on these sections; computed once, by the version that made them."""
    stain = draw_stain(np.random.default_rng(1))
    np.testing.assert_allclose(stain.vectors, [[0.55512, 0.72691, 0.40429], [0.15218, 0.81474, 0.55951]], atol=1e-5)
    np.testing.assert_allclose(stain.strength, [1.13108, 0.96368], atol=1e-5)
    np.testing.assert_allclose(stain.light, [244.911, 242.735, 245.071], atol=1e-3)
    np.testing.assert_allclose([stain.blur, stain.noise], [0.76526, 1.39568], atol=1e-5)
    image = np.asarray(render(np.random.default_rng(2), plan, stain)).astype(float)
    tiles = image.reshape(4, 100, 4, 100, 3).mean(axis=(1, 3))  # red, green and blue of sixteen tiles
    expected = [
        [[202.4, 150.9, 179.9], [210.1, 162.3, 188.0], [191.2, 148.3, 178.0], [172.2, 129.5, 164.1]],
        [[193.6, 144.5, 175.9], [202.4, 150.1, 178.9], [193.7, 143.1, 174.2], [174.5, 123.4, 160.3]],
        [[205.1, 157.3, 184.9], [192.2, 149.6, 179.3], [173.7, 130.3, 166.8], [178.8, 128.7, 165.0]],
        [[207.1, 159.0, 185.4], [194.1, 147.3, 177.7], [179.6, 133.9, 168.7], [188.1, 138.9, 172.0]],
    ]
    np.testing.assert_allclose(tiles, expected, atol=0.1)
    np.testing.assert_allclose(image.std(axis=(0, 1)), [36.90, 33.87, 24.35], atol=0.03)
