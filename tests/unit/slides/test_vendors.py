"""What OpenSlide reads: the same pixels as ours, and a true sentence where it cannot."""

import sys
from pathlib import Path

import numpy as np
import pytest
from whole_slides import section, write_svs

from past.base.errors import DataError
from past.slides.levels import levels_of
from past.slides.slide import open_slide
from past.slides.vendors import open_by_openslide

PIXELS = section(1300, 700)


def test_openslide_gives_the_pixels_and_the_scale(tmp_path: Path) -> None:
    pytest.importorskip("openslide", reason="the extra 'wsi' is not installed")
    pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
    path = write_svs(tmp_path / "a.svs", PIXELS, compression="jpeg", compressionargs={"level": 95}, tile=(256, 256))
    picture, said = open_by_openslide(path)
    assert said.mpp(path, None) == (0.25, "the scanner's words")
    assert [level.factor for level in levels_of(picture)] == [1.0, 2.0, 4.0]
    ours = open_slide(path)
    for level, other in zip(levels_of(picture), ours.levels, strict=True):
        box = (30, 40, 290, 170)
        theirs = np.asarray(level.picture.crop(box)).astype(int)
        assert abs(theirs - np.asarray(other.picture.crop(box))).max() <= 3


def test_what_openslide_cannot_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openslide", reason="the extra 'wsi' is not installed")
    (tmp_path / "a.ndpi").write_bytes(b"no slide")
    with pytest.raises(DataError, match=r"a\.ndpi: OpenSlide cannot read it .*convert it to TIFF"):
        open_slide(tmp_path / "a.ndpi")
    (tmp_path / "a.mrxs").write_bytes(b"x")
    with pytest.raises(DataError, match=r"a\.mrxs: its folder a is not beside it: the pixels lie in there; copy both"):
        open_slide(tmp_path / "a.mrxs")


def test_without_openslide_the_cure_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openslide", None)
    (tmp_path / "a.ndpi").write_bytes(b"x")
    with pytest.raises(DataError, match=r"a\.ndpi: \.ndpi needs OpenSlide: 'pip install past-pathology\[wsi\]'"):
        open_slide(tmp_path / "a.ndpi")
