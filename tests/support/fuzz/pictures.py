"""Pictures whose headers are well formed and lie: bombs, other formats under the same name, odd EXIF."""

import io
import struct
import zlib
from functools import lru_cache

import numpy as np
from PIL import Image

from fuzz.dice import Dice

SIDES = (0, 1, 2, 15, 17, 255, 4096, 16_383, 30_000, 65_000, 65_535, 2**31 - 1)
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n%%EndComments\n0 0 20 20 rectfill\nshowpage\n%%EOF\n"


def picture_of(dice: Dice, content: bytes) -> bytes:
    """The picture at another size than it says, in another format or mode, or with another head."""
    kind = dice.below(6)
    if kind < 3:
        return _sized(dice, content)
    if kind == 3:
        return _other_format(dice.of(_OTHERS))
    if kind == 4 and content[:2] == b"\xff\xd8":
        exif = b"Exif\0\0" + dice.rng.bytes(dice.of([6, 40, 60_000]))
        marker = dice.of([0xE1, 0xE2, 0xEE, 0xFE, 0xC2, 0xC9, 0xDD, 0xD9, 0xFF])
        return content[:2] + bytes([0xFF, marker]) + struct.pack(">H", len(exif) + 2) + exif + content[2:]
    return _bomb(dice.of([4_096, 30_000, 65_000]))


def _sized(dice: Dice, content: bytes) -> bytes:
    """Another width and height, the checksum right."""
    wide, high = dice.of(SIDES), dice.of(SIDES)
    if content[:8] == b"\x89PNG\r\n\x1a\n":
        depth = bytes([dice.of([8, 8, 1, 16, 99]), dice.of([2, 2, 0, 3, 4, 6]), 0, 0, dice.of([0, 0, 1])])
        return content[:8] + _chunk(b"IHDR", struct.pack(">II", wide, high) + depth) + content[33:]
    changed = bytearray(content)
    if content[:2] == b"\xff\xd8":
        for marker in (b"\xff\xc0", b"\xff\xc2"):
            place = content.find(marker)
            if place > 0:
                changed[place + 5 : place + 9] = struct.pack(">HH", high % 65_536, wide % 65_536)
    elif content[:4] == b"RIFF":
        place = 24 if content[12:16] == b"VP8X" else 26 if content[12:16] == b"VP8 " else 21
        changed[place : place + 4] = struct.pack("<HH", wide % 16_384, high % 16_384)
    return bytes(changed)


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@lru_cache(maxsize=4)
def _bomb(side: int) -> bytes:
    """A PNG that says side × side pixels, and holds its first rows."""
    packed = zlib.compress(bytes((1 + 3 * side) * 128), 1)
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


_OTHERS = ("EPS", "GIF", "BMP", "TIFF", "PPM", "ICO", "PNG:L", "PNG:I;16", "PNG:RGBA", "JPEG:CMYK", "JPEG:L", "PNG:P")


@lru_cache(maxsize=20)
def _other_format(name: str) -> bytes:
    if name == "EPS":
        return EPS
    form, _, mode = name.partition(":")
    file = io.BytesIO()
    Image.new(mode or "RGB", (16, 16)).save(file, form)
    return file.getvalue()


def encoded(form: str, pixels: np.ndarray, **options: object) -> bytes:
    """A picture of these pixels (h, w, 3)."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form, **options)
    return file.getvalue()


def tiff_of(dice: Dice, content: bytes) -> bytes:
    """A little-endian classic TIFF of which one tag has another value, count, type or number."""
    changed = bytearray(content)
    place, entries = struct.unpack_from("<I", content, 4)[0], []
    while place and len(entries) < 200:
        count = struct.unpack_from("<H", content, place)[0]
        entries += [place + 2 + 12 * i for i in range(count)]
        place = struct.unpack_from("<I", content, place + 2 + 12 * count)[0]
    entry = dice.of(entries)
    kind = dice.below(9)
    value = dice.of([0, 1, 2, 3, 7, 8, 16, 255, 65_000, 2**16, 2**31 - 1, 2**32 - 1, len(content), 34_712, 50_000])
    if kind < 4:
        struct.pack_into("<I", changed, entry + 8, value)
    elif kind == 4:
        struct.pack_into("<I", changed, entry + 4, value)
    elif kind == 5:
        struct.pack_into("<H", changed, entry + 2, dice.of([0, 1, 2, 3, 4, 5, 7, 12, 13, 16, 99]))
    elif kind == 6:
        struct.pack_into("<H", changed, entry, dice.of([256, 257, 259, 262, 273, 277, 322, 324, 330, 347, 65_000]))
    elif kind == 7:
        struct.pack_into("<I", changed, 4, dice.below(len(content)))
    else:  # a JPEG within says another size than its tile
        place = content.find(b"\xff\xc0")
        changed[place + 5 : place + 9] = struct.pack(">HH", *(dice.of([1, 16, 65_500]) for _ in range(2)))
    return bytes(changed)
