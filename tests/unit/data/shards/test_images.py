"""Decoding: exact pixels, and nothing decoded that claims too much."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from past.base.errors import DataError
from past.data.shards import images
from past.data.shards.images import decode, image_size

PIXELS = np.random.default_rng(0).integers(0, 255, (37, 53, 3), dtype=np.uint8)


def encoded(kind: str, pixels: np.ndarray = PIXELS, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"lossless": True, "exif": b"Exif\0\0aaaa"}),
    ],
)
def test_pixels_are_pillows(kind: str, options: dict[str, object]) -> None:
    content = encoded(kind, **options)
    assert image_size(content) == (37, 53)
    with Image.open(io.BytesIO(content)) as image:
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(decode(content).permute(1, 2, 0).numpy(), expected)


def huge_png() -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def huge(content: bytes) -> bytes:
    """The same image, claiming 60,000 × 60,000 (a WebP: the most that it can)."""
    changed = bytearray(content)
    if content[:2] == b"\xff\xd8":
        place = content.index(b"\xff\xc0") + 5
        changed[place : place + 4] = struct.pack(">HH", 60_000, 60_000)
    else:
        changed[26:30] = struct.pack("<HH", 16_383, 16_383)
    return bytes(changed)


@pytest.mark.parametrize("content", [huge_png(), huge(encoded("JPEG")), huge(encoded("WEBP"))])
def test_an_image_that_claims_too_much_is_not_decoded(content: bytes) -> None:
    with pytest.raises(DataError, match=r"its image claims (60,000 × 60,000|16,383 × 16,383) px: wanted at most 4096"):
        decode(content)
    with pytest.raises(DataError, match="wanted 224 × 224, so it was not decoded"):
        decode(content, side=224)


def hidden(marker: int) -> bytes:
    """A JPEG of 37 × 53 behind a marker without a length; a walk that reads one lands on a false 224 × 224."""
    real = encoded("JPEG")[2:]
    size = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, 224, 224, 3) + bytes(9)
    length = struct.unpack(">H", real[:2])[0]  # what the decoder takes for the next marker
    return b"\xff\xd8\xff" + bytes([marker]) + real + bytes(length - len(real)) + size


@pytest.mark.parametrize("marker", [0x00, 0x01, *range(0xD0, 0xDB), 0xFF])
def test_a_jpeg_cannot_hide_its_size(marker: int) -> None:
    with pytest.raises(DataError, match=f"its image is a JPEG with the marker 0x{marker:02X} before its size: damaged"):
        decode(hidden(marker), side=224)


def test_an_image_of_another_size_than_it_claimed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "image_size", lambda _: (224, 224))
    for kind in ("JPEG", "PNG", "WEBP"):
        with pytest.raises(DataError, match="its image has another size than its header claims"):
            decode(encoded(kind), side=224)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_cut_off_image_is_damaged(kind: str) -> None:
    content = encoded(kind)
    with pytest.raises(DataError, match="its image does not decode"):
        decode(content[: len(content) // 2])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "begins with '': wanted a JPEG, PNG or WebP"),
        (b"GIF89a", "begins with 'GIF89a': wanted"),
        (b"%!PS-Adobe-3.0", "begins with '%!PS-Ado': wanted"),
        (b"RIFF", "begins with 'RIFF': wanted"),
        (b"RIFF\0\0\0\0WEBPVP9 " + bytes(20), "is a WebP without a size: damaged"),
        (b"\xff\xd8\xff\xd9", "is a JPEG without a size: damaged"),
    ],
)
def test_other_formats_are_refused_for_what_they_are(content: bytes, said: str) -> None:
    with pytest.raises(DataError, match=f"^its image {said}"):
        decode(content)
