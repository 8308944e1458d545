"""A strict, fast reader of a sample's arrays: `.npz` bytes that may come from anywhere; nothing in them is executed.

Written against the ZIP application note (central directory, local headers) and NumPy's format note for `.npy` 1.0.
"""

import math
import re
import struct
import zlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from past.base.errors import DataError
from past.base.keys import Members

MAX_BYTES: Final = 64 << 20  # of all arrays of one sample together, unpacked
MAX_ROWS: Final = 4096  # the cell and its neighbours
MAX_COUNT: Final = (1 << 32) - 1  # the largest that is stored
MAX_PLACE: Final = 1e8  # µm, or pixels, from the origin: what lies farther is no place on a slide

_END = struct.Struct("<4s4H2LH")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_HEADER = re.compile(
    rb"\{'descr': '([<|][uif][1248])', 'fortran_order': False, 'shape': \((\d{1,10})(?:,|, (\d{1,10}))\), \} *\n"
)
_DTYPES = {name: np.dtype(name) for name in ("|u1", "<u2", "<u4", "<i4", "<i8", "<f2", "<f4", "<f8")}
_NAMES = (Members.GENES, Members.COUNTS, Members.OFFSETS, Members.POSITIONS)


def read_arrays(content: bytes, genes: int | None = None) -> dict[str, np.ndarray]:
    """Read and check a sample's arrays, read-only views where the archive is stored uncompressed.

    Args:
        content: the bytes of `<key>.npz`.
        genes: length of the gene list, to check gene ids against; None: not checked.

    Returns:
        genes (n,) and counts (n,), offsets (K + 1,), positions (K, 2), as in `CellRecord`.

    Raises:
        DataError: what is wrong, without the shard's and the sample's name (the caller knows them).
    """
    arrays = unpack(content, _NAMES, MAX_BYTES)
    check_rows(arrays, Members.POSITIONS, MAX_ROWS, genes)
    return arrays


def unpack(content: bytes, names: Sequence[str], limit: int) -> dict[str, np.ndarray]:
    """Read the arrays `names`, no more and no fewer, of `limit` bytes together at most; DataError as `read_arrays`."""
    arrays = {name: _read_npy(body, name) for name, body in _unzip(content, names, limit).items()}
    missing = [name for name in names if name not in arrays]
    if missing:
        raise DataError(f"the npz has no array {missing[0]!r}")
    return arrays


def _unzip(content: bytes, names: Sequence[str], limit: int) -> dict[str, bytes | memoryview]:
    if len(content) < _END.size:
        raise DataError(f"the npz is cut off after {len(content)} bytes")
    mark, _, _, _, entries, _, start, _ = _END.unpack_from(content, len(content) - _END.size)
    if mark != b"PK\5\6" or entries > len(names):
        raise DataError(
            f"the npz does not end in a directory of {len(names)} arrays: cut off, or not one that past wrote"
        )
    bodies: dict[str, bytes | memoryview] = {}
    left = limit
    for _ in range(entries):
        name, body, start = _member(content, start, left, names)
        if name in bodies:
            raise DataError(f"the npz holds {name!r} twice")
        left -= len(body)
        bodies[name] = body
    return bodies


def _member(content: bytes, start: int, limit: int, names: Sequence[str]) -> tuple[str, bytes | memoryview, int]:
    """Return name and unpacked body of the member whose directory entry is at `start`, and the next entry's place."""
    try:
        entry = _CENTRAL.unpack_from(content, start)
        mark, flags, method, crc, packed, size = entry[0], entry[3], entry[4], entry[7], entry[8], entry[9]
        local = _LOCAL.unpack_from(content, entry[16])
    except struct.error as error:
        raise DataError("the npz has a broken directory") from error
    name = content[start + _CENTRAL.size :][: entry[10]] if entry[10] < 64 else b""
    array = name.removesuffix(b".npy").decode("ascii", "replace")
    if mark != b"PK\1\2" or local[0] != b"PK\3\4" or flags & 1:
        raise DataError("the npz has a broken directory")
    if not name.endswith(b".npy") or array not in names:
        raise DataError(f"the npz holds {name!r}: only the arrays {', '.join(names)} belong there")
    if size > limit:
        raise DataError(f"the npz claims {size:,} bytes for {array!r}: at most {limit:,} are read")
    first = entry[16] + _LOCAL.size + local[9] + local[10]
    body: bytes | memoryview = memoryview(content)[first : first + packed]
    if method == 8:
        try:
            body = zlib.decompressobj(-15).decompress(body, size + 1)
        except zlib.error as error:
            raise DataError(f"the npz's {array!r} does not unpack ({error})") from error
    elif method != 0:
        raise DataError(f"the npz's {array!r} is packed by method {method}: store it, or deflate it")
    if len(body) != size or zlib.crc32(body) != crc:
        raise DataError(f"the npz's {array!r} does not match its checksum: damaged")
    return array, body, start + _CENTRAL.size + entry[10] + entry[11] + entry[12]


def _read_npy(body: bytes | memoryview, name: str) -> np.ndarray:
    head = bytes(body[:10])
    if len(head) < 10 or head[:8] != b"\x93NUMPY\1\0":
        raise DataError(f"the npz's {name!r} is not a .npy 1.0 array")
    start = 10 + int.from_bytes(head[8:10], "little")
    match = _HEADER.fullmatch(bytes(body[10:start]))
    dtype = _DTYPES.get(match[1].decode()) if match else None
    if match is None or dtype is None:
        raise DataError(f"the npz's {name!r} is not a plain array in C order of one of {', '.join(_DTYPES)}")
    shape = (int(match[2]),) if match[3] is None else (int(match[2]), int(match[3]))
    claimed = math.prod(shape) * dtype.itemsize
    if claimed != len(body) - start:
        raise DataError(f"the npz's {name!r} claims shape {shape}, {claimed:,} bytes, and holds {len(body) - start:,}")
    return np.frombuffer(body, dtype, offset=start).reshape(shape)


def check_rows(arrays: dict[str, np.ndarray], places: str, most: int, genes: int | None) -> None:
    """Raise DataError unless `genes`, `counts` and `offsets` are 1 to `most` sparse rows, with a place (x, y) each."""
    ids, counts, offsets = (arrays[name] for name in (Members.GENES, Members.COUNTS, Members.OFFSETS))
    positions = arrays[places]
    rows = len(offsets) - 1
    if offsets.ndim != 1 or offsets.dtype.kind not in "ui" or not 1 <= rows <= most:
        raise DataError(f"offsets has shape {offsets.shape} of {offsets.dtype}: wanted (K + 1,) whole numbers, K ≥ 1")
    if ids.ndim != 1 or ids.dtype.kind not in "ui" or counts.shape != ids.shape:
        raise DataError(f"genes has shape {ids.shape} of {ids.dtype}, counts {counts.shape}: wanted (n,) of both")
    bounds = offsets.astype(np.int64)
    if bounds[0] != 0 or bounds[-1] != len(ids) or bool((bounds[1:] < bounds[:-1]).any()):
        raise DataError(f"offsets does not rise from 0 to {len(ids)}, the number of counts")
    if positions.shape != (rows, 2) or positions.dtype.kind != "f" or not bool((abs(positions) <= MAX_PLACE).all()):
        raise DataError(
            f"{places} has shape {positions.shape}: wanted ({rows}, 2) finite numbers, none beyond {MAX_PLACE:g}"
        )
    if not len(ids):
        return
    if not bool(((counts > 0) & (counts <= MAX_COUNT)).all()):
        raise DataError(f"counts holds a number that is not above 0, or is above {MAX_COUNT:,} (or NaN)")
    if counts.dtype.kind == "f" and not bool((counts == np.floor(counts)).all()):
        raise DataError("counts holds a number that is not whole: raw counts are stored, not normalised ones")
    if int(ids.min()) < 0 or (genes is not None and int(ids.max()) >= genes):
        raise DataError(f"genes holds ids from {ids.min()} to {ids.max()}: not in the gene list ({genes or '?'} names)")
    rising = ids[1:] > ids[:-1]
    starts = bounds[1:-1]
    rising[starts[(starts > 0) & (starts < len(ids))] - 1] = True
    if not bool(rising.all()):
        raise DataError("genes does not ascend within a row: a gene is there twice, or the rows are out of order")
