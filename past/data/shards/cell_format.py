"""What one sample of a cell shard is, byte for byte: the format's only writer, and its documentation.

A shard `<section>-<6 digits>.tar` is a USTAR archive of regular files (mode 0644; time, owner and group 0). Each sample
is three neighbouring members, in this order, whose key is `<section>_<7 digits: position in the section's order>`:

    <key>.jpg|webp|png   the crop, px × px at `mpp` µm/px, centred on the cell, black outside the slide
    <key>.npz            plain arrays, stored uncompressed, readable with `np.load(..., allow_pickle=False)`:
                           genes      (n,)   uint16 (int32 in sets of over 65,536 genes): positions in the gene list
                           counts     (n,)   the smallest of uint8, uint16, uint32: raw counts, above 0
                           offsets    (K+1,) int32: row i is genes[offsets[i]:offsets[i + 1]], ascending;
                                             row 0 is the cell, the others its neighbours, nearest first
                           positions  (K, 2) float32: x, y in µm within the section
    <key>.json           cell, section, patient, organ, technology, species, mpp, and cell_type where it is known

The same samples give the same bytes, so a shard that is written twice has one hash.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import numpy as np
from PIL import Image

from past.base.keys import Keys, Members
from past.data.shards.records import CellRecord, Section, SlideRecord

JPEG_QUALITY = 95
SHORT_IDS = 65_536  # gene lists up to this length fit in uint16
_PLAIN = re.compile(r"[^A-Za-z0-9_-]")
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def safe_name(section: str) -> str:
    """Return the section's name as in file names and keys: any other character than [A-Za-z0-9_-] becomes '-'."""
    return _PLAIN.sub("-", section)


def shard_name(section: str, number: int) -> str:
    """Return the file name of a section's shard, counted from 0."""
    return f"{safe_name(section)}-{number:06d}.tar"


def sample_key(section: str, position: int) -> str:
    """Return the key of the cell at `position` in the section's order, counted from 0."""
    return f"{safe_name(section)}_{position:07d}"


def encode_image(crop: np.ndarray, image_format: str) -> bytes:
    """Encode a (H, W, 3) uint8 crop as `jpg` (quality 95, no chroma subsampling), `webp` (quality 95) or `png`."""
    file = io.BytesIO()
    image = Image.fromarray(crop)
    if image_format == "jpg":
        image.save(file, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    elif image_format == "webp":
        image.save(file, "WEBP", quality=JPEG_QUALITY)
    else:
        image.save(file, "PNG", compress_level=6)
    return file.getvalue()


def encode_arrays(record: CellRecord, genes: int) -> bytes:
    """Encode the arrays of a record whose gene list has `genes` names as `<key>.npz`."""
    return pack(sparse_rows(record, genes) | {Members.POSITIONS: np.asarray(record.positions, np.float32)})


def sparse_rows(record: CellRecord | SlideRecord, genes: int) -> dict[str, np.ndarray]:
    """Return gene ids, counts and offsets in the types in which they are stored."""
    counts = np.asarray(record.counts)
    largest = counts.max(initial=0)
    return {
        Members.GENES: np.asarray(record.genes, np.uint16 if genes <= SHORT_IDS else np.int32),
        Members.COUNTS: counts.astype(np.min_scalar_type(int(largest))),
        Members.OFFSETS: np.asarray(record.offsets, np.int32),
    }


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return a `.npz` of plain arrays, stored uncompressed; the same arrays give the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _ZIP_EPOCH), member.getvalue())
    return file.getvalue()


def encode_sample(
    record: CellRecord, section: Section, key: str, genes: int, image_format: str
) -> Iterator[tuple[str, bytes]]:
    """Yield the sample's three members as (name, bytes), in the order in which they stand in the shard."""
    meta: dict[str, object] = {"cell": record.name, **asdict(section), "mpp": record.mpp}
    if record.cell_type is not None:
        meta[Keys.CELL_TYPE] = record.cell_type
    yield f"{key}.{image_format}", encode_image(record.crop, image_format)
    yield f"{key}.{Members.ARRAYS}", encode_arrays(record, genes)
    yield f"{key}.{Members.META}", json.dumps(meta, ensure_ascii=False).encode()
