"""Nuclei that are whole and lie on their slide, and those that do not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from past.base.errors import ConfigError, DataError
from past.cells.nuclei import Nuclei, checked, on_slide
from past.slides.slide import Slide, slide_of_pixels


def a_slide(mpp: float = 0.5) -> Slide:
    pixels = np.full((800, 1000, 3), 240, np.uint8)
    pixels[40:760, 40:960] = (200, 120, 170)
    return slide_of_pixels(Path("s.tif"), Image.fromarray(pixels), mpp)


SPREAD = np.stack(np.meshgrid(np.arange(50, 950, 30.0), np.arange(50, 750, 30.0)), axis=-1).reshape(-1, 2)


def test_nuclei_on_the_slide_stay_as_they_are() -> None:
    nuclei = Nuclei(SPREAD)
    assert on_slide(nuclei, a_slide(), "n") is nuclei
    back = on_slide(nuclei.scaled(0.5), a_slide(), "n", "um")
    np.testing.assert_allclose(back.centres, SPREAD)
    corner = Nuclei(SPREAD[(SPREAD < 300).all(axis=1)])
    assert len(on_slide(corner, a_slide(), "n", "px")) == len(corner)


def test_micrometres_given_as_pixels_are_told() -> None:
    with pytest.raises(DataError, match="most of its tissue beyond: in µm"):
        on_slide(Nuclei(SPREAD * 0.5), a_slide(), "n")
    with pytest.raises(ConfigError, match="--unit mm"):
        on_slide(Nuclei(SPREAD), a_slide(), "n", "mm")


def test_nuclei_outside_the_slide_are_told() -> None:
    with pytest.raises(DataError, match=r"1 of 2 nuclei lie outside the 1,000 × 800 px slide .*b, at 5,000, 2"):
        on_slide(Nuclei(np.array([[1.0, 1.0], [5000.0, 2.0]]), names=("a", "b")), a_slide(), "n")


def test_broken_nuclei_are_told() -> None:
    pytest.importorskip("shapely")
    bow = np.array([[0.0, 0], [10, 10], [10, 0], [0, 10]])
    square = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
    centres = np.array([[5.0, 5.0], [5.0, 5.0]])
    assert len(checked(Nuclei(centres, (square, square)), "n")) == 2
    for broken, words in (
        (Nuclei(centres, (square, bow)), "1 of 2 outlines cross themselves .*cell000001: Self-intersection"),
        (Nuclei(centres, names=("a", "a")), "names of nuclei occur more than once"),
        (Nuclei(np.array([[np.nan, 1.0]])), "nucleus cell000000 has no place"),
        (Nuclei(np.empty((0, 2))), "holds no nucleus"),
    ):
        with pytest.raises(DataError, match=words):
            checked(broken, "n")


def test_an_outline_says_the_centre() -> None:
    pytest.importorskip("shapely")
    corner = np.array([[0.0, 0], [12, 0], [12, 2], [2, 2], [2, 12], [0, 12]])
    found = Nuclei.outlined([corner, corner + 100])
    middle = (24 * 6 + 20 * 1) / 44  # two bars of areas 24 and 20
    np.testing.assert_allclose(found.centres, [[middle, (24 * 1 + 20 * 7) / 44], [100 + middle, 100 + 164 / 44]])
    with pytest.raises(DataError, match="n: the outline of b has 2 corners"):
        Nuclei.outlined([corner, corner[:2]], ["a", "b"], where="n")


def test_some_of_them() -> None:
    nuclei = Nuclei(SPREAD[:4], names=("a", "b", "c", "d"), types=("x", "", "y", "x"))
    part = nuclei.at(np.array([True, False, True, False]))
    assert (part.names, part.types) == (("a", "c"), ("x", "y"))
    np.testing.assert_allclose(part.centres, SPREAD[[0, 2]])
