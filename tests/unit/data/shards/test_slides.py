"""Slide shards: what goes in comes out, damage is named, sections are found by their name."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shards import write_set
from slide_shards import GENES, slide, write_slides

from past.base.errors import DataError
from past.data.shards.records import SlideRecord
from past.data.shards.slides import SlideSet
from past.data.shards.verify import summary, verify


def arrays_of(slide: SlideRecord) -> dict[str, np.ndarray]:
    return {name: value for name, value in vars(slide).items() if isinstance(value, np.ndarray)}


def test_a_slide_comes_back_as_it_was(tmp_path: Path) -> None:
    slides = SlideSet.open(write_slides(tmp_path / "set"))
    given, found = slide("B1", 64, seed=2), slides.get("B1")
    assert slides.sections == ("A1", "A2", "B1", "C1")
    assert [one.meta["section"] for one in slides] == ["A1", "A2", "B1", "C1"]
    assert (found.key, found.shard, found.meta, len(found)) == (given.key, "B1-000000.tar", given.meta, 64)
    for name, value in arrays_of(given).items():
        np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)
    dense = np.zeros((64, len(GENES)))
    dense[np.repeat(np.arange(64), np.diff(given.offsets)), given.genes] = given.counts
    np.testing.assert_array_equal(slides.counts(found).toarray(), dense)


def test_sets_of_slides_are_verified(tmp_path: Path) -> None:
    index = SlideSet.open(write_slides(tmp_path / "set")).index
    assert verify(index) == []
    assert summary(index)["slides"] == 4
    path = tmp_path / "set" / "A1-000000.tar"
    content = bytearray(path.read_bytes())
    content[700] ^= 1
    path.write_bytes(bytes(content))
    assert verify(index)[0].startswith("A1-000000.tar: its bytes do not match the index's hash")
    wider = replace(index, settings=index.settings | {"width": 7}).select(sections=["B1"])
    assert "its features are 6 wide, the index says 7" in verify(wider)[-1]


def test_cells_are_no_slides_and_a_missing_section_is_named(tmp_path: Path) -> None:
    write_set(tmp_path / "cells", [3])
    with pytest.raises(DataError, match="holds cells, not slides: make slides of them with 'past shards slides'"):
        SlideSet.open(tmp_path / "cells")
    with pytest.raises(DataError, match=r"section 'D1' is not in .*: it has A1, A2, B1, C1"):
        SlideSet.open(write_slides(tmp_path / "slides")).get("D1")
