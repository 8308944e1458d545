"""Pictures of graded cells."""

import numpy as np
from PIL import Image

from past.report.grades import COLOURS, called_cells, grade_map
from past.report.plots import plt


def test_the_map_has_a_colour_a_grade_and_y_goes_down() -> None:
    grades = np.array([0, 0, 3, -1])
    figure = grade_map(np.array([[0.0, 0], [1, 1], [2, 2], [3, 3]]), grades, "HER2")
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "not judged (1)",
        "negative (2)",
        "strong (1)",
    ]
    assert axis.yaxis_inverted()
    plt.close(figure)


def test_outlines_are_drawn_in_the_grades_colour() -> None:
    picture = Image.new("RGB", (50, 50), "white")
    square = np.array([[20.0, 20], [60, 20], [60, 60], [20, 60]])
    called_cells(picture, [square, np.array([[80.0, 80.0]])], np.array([3, 0]), factor=2)
    assert picture.getpixel((20, 10)) == tuple(int(COLOURS[3][i : i + 2], 16) for i in (1, 3, 5))
    assert picture.getpixel((20, 20)) == (255, 255, 255)
    assert picture.getpixel((43, 40)) != (255, 255, 255)
