"""What one sample of a slide shard is, byte for byte: the format's writer, reader and documentation.

A slide shard `<section>-000000.tar` is a USTAR archive as in `cell_format`, of one sample of two members:

    <key>.npz    plain arrays, stored uncompressed, readable with `np.load(..., allow_pickle=False)`:
                   features   (S, F) float16: image features of the section's S spots
                   coords     (S, 2) float32: x, y in pixels of `mpp` µm
                   genes      (n,)   uint16 (int32 in sets of over 65,536 genes): positions in the gene list
                   counts     (n,)   the smallest of uint8, uint16, uint32: raw counts, above 0
                   offsets    (S+1,) int32: spot i is genes[offsets[i]:offsets[i + 1]], ascending
    <key>.json   section, patient, organ, technology, species, mpp, encoder, and the spots' names under `spots`

The index's settings name the encoder and the features' width, which tells slide shards from cell shards.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Final

import numpy as np

from past.base.errors import DataError
from past.base.keys import Members
from past.data.shards.cell_format import pack, sparse_rows
from past.data.shards.npz import check_rows, unpack
from past.data.shards.records import SlideRecord
from past.data.shards.tar import CELL_FORMAT, OF_SAMPLE, SampleFormat, read_description

MAX_BYTES: Final = 4 << 30  # of one slide: a million spots of 1,536 features, and their counts
MAX_SPOTS: Final = 4 << 20
_NAMES = (Members.FEATURES, Members.COORDS, Members.GENES, Members.COUNTS, Members.OFFSETS)


def encode_slide(record: SlideRecord, genes: int) -> Iterator[tuple[str, bytes]]:
    """Yield the two members of a slide as (name, bytes), for a gene list of `genes` names."""
    arrays = {
        Members.FEATURES: np.asarray(record.features, np.float16),
        Members.COORDS: np.asarray(record.coords, np.float32),
        **sparse_rows(record, genes),
    }
    yield f"{record.key}.{Members.ARRAYS}", pack(arrays)
    yield f"{record.key}.{Members.META}", json.dumps(record.meta, ensure_ascii=False).encode()


def _read_slide(key: str, shard: str, members: dict[str, bytes], genes: int | None) -> SlideRecord:
    if set(members) != {Members.ARRAYS, Members.META}:
        raise DataError(f"its members are {', '.join(members)}: wanted npz and json")
    arrays = unpack(members[Members.ARRAYS], _NAMES, MAX_BYTES)
    check_rows(arrays, Members.COORDS, MAX_SPOTS, genes)
    spots, features = len(arrays[Members.OFFSETS]) - 1, arrays[Members.FEATURES]
    if features.ndim != 2 or len(features) != spots or features.dtype != np.float16:
        raise DataError(f"features has shape {features.shape} of {features.dtype}: wanted ({spots}, width) of float16")
    if not bool(np.isfinite(features).all()):
        raise DataError("features holds NaN or infinity: embed the section again")
    meta = read_description(members[Members.META], (*OF_SAMPLE, "encoder"))
    names = meta.get("spots")
    if not isinstance(names, list) or len(names) != spots or not all(isinstance(name, str) for name in names):
        raise DataError(f"its json does not name its {spots} spots")
    return SlideRecord(key, shard, **arrays, meta=meta)


SLIDE_FORMAT: Final = SampleFormat(2, {Members.ARRAYS: MAX_BYTES, Members.META: 256 << 20}, _read_slide)


def holds_slides(settings: Mapping[str, object]) -> bool:
    """Whether a set of these settings is of slides, not of cells."""
    return "encoder" in settings


def unit(settings: Mapping[str, object]) -> str:
    """Return what a set of these settings counts: slides or cells."""
    return "slides" if holds_slides(settings) else "cells"


def format_of(settings: Mapping[str, object]) -> SampleFormat:
    """Return what the samples of a set of shards are made of, by the settings in its index."""
    return SLIDE_FORMAT if holds_slides(settings) else CELL_FORMAT
