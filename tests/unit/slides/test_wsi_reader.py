"""Our reading as wsidata's: LazySlide sees the same pixels."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from whole_slides import section, write_svs

pytest.importorskip("wsidata", reason="the extra 'wsi' is not installed")
from past.slides.tiling import open_wsi, slide_of

PIXELS = section(600, 400)


def test_regions_of_every_level_are_the_files_and_white_outside(tmp_path: Path) -> None:
    wsi = open_wsi(write_svs(tmp_path / "a.svs", PIXELS), store=None)
    properties = wsi.properties
    assert (properties.shape, properties.mpp, properties.n_level) == ([400, 600], 0.25, 4)
    assert properties.level_downsample == [1.0, 2.0, 4.0, 32.0]
    slide = slide_of(wsi)
    for number, level in enumerate(slide.levels):
        region = wsi.reader.get_region(200, 100, 40, 30, level=number)
        left, top = round(200 / level.factor), round(100 / level.factor)
        np.testing.assert_array_equal(region, np.asarray(level.picture.crop((left, top, left + 40, top + 30))))
    np.testing.assert_array_equal(wsi.reader.get_level(3), slide.overview[0])
    assert (wsi.reader.get_region(-100, -100, 50, 50) == 255).all()
    thumbnail = wsi.reader.get_thumbnail(10)
    assert max(thumbnail.shape[:2]) == 10


def test_the_scale_is_settled_when_it_is_opened(tmp_path: Path) -> None:
    wsi = open_wsi(write_svs(tmp_path / "a.svs", PIXELS, mpp=None), mpp=0.5, store=None)
    assert wsi.properties.mpp == 0.5
    assert slide_of(wsi).mpp_source == "given"


def test_a_reader_goes_to_another_process(tmp_path: Path) -> None:
    reader = open_wsi(write_svs(tmp_path / "a.svs", PIXELS), store=None).reader
    again = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(again.get_region(200, 100, 40, 30), reader.get_region(200, 100, 40, 30))
