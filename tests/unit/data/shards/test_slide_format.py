"""A slide's members: what they must be, and which set is of slides."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shards import tar_of
from slide_shards import GENES, WIDTH, slide, write_slides

from past.base.errors import DataError
from past.data.shards.cell_format import pack
from past.data.shards.npz import unpack
from past.data.shards.records import SlideRecord
from past.data.shards.slide_format import SLIDE_FORMAT, encode_slide, format_of, holds_slides, unit
from past.data.shards.slides import SlideSet
from past.data.shards.tar import CELL_FORMAT


def arrays_of(slide: SlideRecord) -> dict[str, np.ndarray]:
    return {name: value for name, value in vars(slide).items() if isinstance(value, np.ndarray)}


def test_arrays_are_stored_in_few_bytes() -> None:
    one = slide("A1", 40, seed=0)
    (npz, content), (meta, text) = encode_slide(one, len(GENES))
    assert (npz, meta) == ("A1_0000000.npz", "A1_0000000.json")
    arrays = unpack(content, ("features", "coords", "genes", "counts", "offsets"), 1 << 20)
    kinds = {name: array.dtype.str for name, array in arrays.items()}
    assert kinds == {"features": "<f2", "coords": "<f4", "genes": "<u2", "counts": "|u1", "offsets": "<i4"}
    assert json.loads(text) == one.meta


@pytest.mark.parametrize(
    ("settings", "slides", "word", "sample_format"),
    [({"px": 224}, False, "cells", CELL_FORMAT), ({"px": 224, "encoder": "resnet50"}, True, "slides", SLIDE_FORMAT)],
)
def test_settings_tell_slides_from_cells(settings, slides, word, sample_format) -> None:
    assert (holds_slides(settings), unit(settings), format_of(settings)) == (slides, word, sample_format)


def damaged(**arrays: np.ndarray) -> dict[str, bytes]:
    """The members of a slide with other arrays."""
    one = slide("A1", 40, seed=0)
    own = {"genes": one.genes.astype(np.uint16), "counts": one.counts.astype(np.uint8)}
    whole = {**arrays_of(one), **own, **arrays}
    return {"A1_0000000.npz": pack(whole), "A1_0000000.json": json.dumps(one.meta).encode()}


def nameless() -> dict[str, bytes]:
    """A slide that does not name its spots."""
    one = slide("A1", 40, seed=0)
    return dict(encode_slide(replace(one, meta={**one.meta, "spots": []}), len(GENES)))


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (
            damaged(features=np.zeros((39, WIDTH), np.float16)),
            r"features has shape \(39, 6\) of float16: wanted \(40, wid",
        ),
        (damaged(features=np.zeros((40, WIDTH), np.float32)), "of float32: wanted"),
        (damaged(features=np.full((40, WIDTH), np.nan, np.float16)), "features holds NaN or infinity"),
        (damaged(coords=np.zeros((3, 2), np.float32)), r"coords has shape \(3, 2\): wanted \(40, 2\)"),
        (damaged(extra=np.zeros(1)), "does not end in a directory of 5 arrays"),
        ({"A1_0000000.jpg": b"", **damaged()}, "A1_0000000.jpg does not belong in a shard"),
        ({"A1_0000000.json": b"{}"}, "its members are json: wanted npz and json"),
        (nameless(), "its json does not name its 40 spots"),
    ],
)
def test_broken_slides_are_refused(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    root = write_slides(tmp_path / "set", ("A1",))
    (root / "A1-000000.tar").write_bytes(tar_of(members))
    with pytest.raises(DataError, match=message) as refused:
        SlideSet.open(root).get("A1")
    assert str(refused.value).startswith("A1-000000.tar: ")
