"""Cells by the grade of their stain: a map over the tissue, and outlines on the picture that was measured."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from past.base.text.words import in_figure
from past.report.plots import INK, plt

COLOURS = ("#4361ee", "#ffd166", "#f3722c", "#9d0208", "#adb5bd")  # negative, weak, moderate, strong; not judged (-1)
WORDS = ("negative", "weak", "moderate", "strong", "not judged")


def grade_map(coords: np.ndarray, grades: np.ndarray, title: str) -> Figure:
    """Draw (n, 2) cells where they lie, y downwards, coloured by their (n,) grades -1 to 3."""
    figure, axis = plt.subplots(figsize=(6, 6))
    size = float(np.clip(20_000 / max(len(coords), 1), 0.5, 30))
    for grade in (-1, 0, 1, 2, 3):
        own = coords[grades == grade]
        if len(own):
            axis.scatter(*own.T, s=size, color=COLOURS[grade], lw=0, label=f"{WORDS[grade]} ({len(own):,})")
    axis.set_aspect("equal")
    axis.invert_yaxis()
    axis.set_axis_off()
    axis.set_title(in_figure(title), loc="left", color=INK)
    axis.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1), markerscale=3)
    return figure


def called_cells(picture: Image.Image, outlines: Sequence[np.ndarray], grades: np.ndarray, factor: float) -> None:
    """Draw outlines (k, 2) into a picture in place, coloured by grade, or a dot for a place (1, 2).

    Args:
        picture: RGB.
        outlines: in pixels of the picture times `factor`.
        grades: -1 to 3.
        factor: pixels of the outlines a pixel of the picture.
    """
    draw = ImageDraw.Draw(picture)
    for outline, grade in zip(outlines, grades.tolist(), strict=True):
        corners = [tuple(corner) for corner in (outline / factor).tolist()]
        if len(corners) == 1:
            x, y = corners[0]
            draw.ellipse((x - 3, y - 3, x + 3, y + 3), outline=COLOURS[grade], width=2)
        else:
            draw.line([*corners, corners[0]], fill=COLOURS[grade], width=2)
