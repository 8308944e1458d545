"""Our reading as a reader of wsidata, so that LazySlide sees the pixels that the encoder sees.

Imported where a WSIData is made, and only there: wsidata takes seconds to import.
"""

import json
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from wsidata.reader import READERS  # type: ignore[import-not-found]
from wsidata.reader.base import ReaderBase, SlideProperties  # type: ignore[import-not-found]

from past.base.pictures import Picture
from past.slides.slide import Slide, open_slide

NAME: Final = "past"


class SlideReader(ReaderBase):
    """A slide as wsidata reads one; its last level is the overview, whether the file has one so small or not.

    Args:
        file: the slide.
        mpp: µm/px of its largest resolution, in place of what the file says.
    """

    name = NAME
    pkg_namespaces = "past"
    extensions = None

    def __init__(self, file: str | Path, mpp: float | None = None, **_: object) -> None:
        self.file, self.mpp = str(file), mpp
        slide = self.slide
        small, step = slide.overview
        shapes = [[*level.picture.size[::-1]] for level in slide.levels]
        width, height = slide.size
        self.set_properties(
            SlideProperties(
                shape=[height, width],
                n_level=len(shapes) + 1,
                level_shape=[*shapes, [*small.shape[:2]]],
                level_downsample=[*(level.factor for level in slide.levels), float(step)],
                mpp=slide.mpp,
                bounds=[0, 0, width, height],
                raw=json.dumps({"reader": slide.reader, "mpp_source": slide.mpp_source}),
            )
        )

    @property
    def slide(self) -> Slide:
        """The slide that is read."""
        slide = self.reader
        assert isinstance(slide, Slide)
        return slide

    def create_reader(self) -> None:
        """Open the slide."""
        self.set_reader(open_slide(Path(self.file), self.mpp))

    def detach_reader(self) -> None:
        """Leave the slide; it is opened again when it is needed."""
        self.set_reader(None)

    def get_region(  # type: ignore[override]
        self, x: float, y: float, width: int, height: int, level: int = 0, **_: object
    ) -> np.ndarray:
        """Return (height, width, 3) uint8 of a level from a corner in pixels of level 0, white outside the slide."""
        number = int(self.translate_level(level))
        factor = self.properties.level_downsample[number]
        picture: Picture = Image.fromarray(self.slide.overview[0])
        if number < len(self.slide.levels):
            picture = self.slide.levels[number].picture
        left, top = round(int(x) / factor), round(int(y) / factor)
        region = np.full((int(height), int(width), 3), 255, np.uint8)
        x0, y0 = max(left, 0), max(top, 0)
        x1, y1 = min(left + int(width), picture.size[0]), min(top + int(height), picture.size[1])
        if x0 < x1 and y0 < y1:
            region[y0 - top : y1 - top, x0 - left : x1 - left] = np.asarray(picture.crop((x0, y0, x1, y1)))
        return region

    def get_thumbnail(self, size: int, **_: object) -> np.ndarray:  # type: ignore[override]
        """Return the overview, made smaller until neither side is longer than `size`."""
        small = Image.fromarray(self.slide.overview[0])
        small.thumbnail((size, size))
        return np.asarray(small)


if NAME not in READERS:
    READERS[NAME] = SlideReader
