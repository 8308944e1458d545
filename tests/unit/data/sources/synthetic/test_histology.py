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
