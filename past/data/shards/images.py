"""From a crop's encoded bytes to pixels; what an image claims to be is checked before anything is decoded."""

import io
from typing import Final, cast

import torch
from torchvision.io import ImageReadMode, decode_jpeg

from past.base.errors import DataError
from past.base.foreign.encoded import open_encoded

MAX_SIDE: Final = 4096  # px, where no size is asked for
# what may stand before a JPEG's frame header: tables, restart interval, application data, comment; all with a length
_SEGMENTS: Final = frozenset({0xC4, 0xCC, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xFE})


def decode(content: bytes, side: int | None = None) -> torch.Tensor:
    """Decode a JPEG, PNG or WebP image to (3, H, W) uint8 RGB.

    Args:
        content: the encoded bytes.
        side: the height and width it must have, px; None: at most MAX_SIDE.

    Raises:
        DataError: another size or format, or damaged; without the sample's name (the caller knows it).
    """
    height, width = image_size(content)
    if (height, width) != (side, side) if side is not None else max(height, width) > MAX_SIDE:
        wanted = f"{side} × {side}" if side is not None else f"at most {MAX_SIDE} × {MAX_SIDE}"
        raise DataError(f"its image claims {width:,} × {height:,} px: wanted {wanted}, so it was not decoded")
    try:
        if content[:2] == b"\xff\xd8":
            encoded = torch.frombuffer(bytearray(content), dtype=torch.uint8)
            pixels = cast("torch.Tensor", decode_jpeg(encoded, mode=ImageReadMode.RGB))
            _require(pixels.shape[1:] == (height, width))
            return pixels
        with open_encoded(io.BytesIO(content)) as image:
            _require(image.size == (width, height))  # before it is decoded
            rgb = image.convert("RGB").tobytes()
    except (RuntimeError, OSError, ValueError, SyntaxError, EOFError) as error:
        cause = " ".join(str(error).partition("<_io")[0].split())[:80]
        raise DataError(f"its image does not decode ({cause}): damaged") from error
    return torch.frombuffer(bytearray(rgb), dtype=torch.uint8).view(height, width, 3).permute(2, 0, 1)


def _require(as_claimed: bool) -> None:
    if not as_claimed:
        raise DataError("its image has another size than its header claims: damaged, or made to mislead")


def image_size(content: bytes) -> tuple[int, int]:
    """Return (height, width), px, that a JPEG, PNG or WebP claims in its header.

    Raises:
        DataError: none of these, or without a size.
    """
    if content[:2] == b"\xff\xd8":
        return _jpeg_size(content)
    if content[:8] == b"\x89PNG\r\n\x1a\n" and content[12:16] == b"IHDR" and len(content) >= 24:
        return int.from_bytes(content[20:24]), int.from_bytes(content[16:20])
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP" and len(content) >= 30:
        return _webp_size(content)
    raise DataError(f"its image begins with {content[:8].decode('latin-1')!a}: wanted a JPEG, PNG or WebP")


def _jpeg_size(content: bytes) -> tuple[int, int]:
    """Walk the segments to the frame header (ITU T.81, annex B): 0xFF, marker, two bytes of length, content.

    Markers that have no length (0x00, 0x01, 0xD0 to 0xD9) and fill bytes (0xFF) are refused: read as segments, they
    would hide from this walk the frame header that the decoder finds.
    """
    place = 2
    while place + 9 < len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(content[place + 5 : place + 7]), int.from_bytes(content[place + 7 : place + 9])
        if marker not in _SEGMENTS:
            raise DataError(f"its image is a JPEG with the marker 0x{marker:02X} before its size: damaged")
        place += 2 + int.from_bytes(content[place + 2 : place + 4])
    raise DataError("its image is a JPEG without a size: damaged")


def _webp_size(content: bytes) -> tuple[int, int]:
    """Read the first chunk (Google's WebP container note): lossy, lossless, or extended."""
    kind = content[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(content[27:30], "little"), 1 + int.from_bytes(content[24:27], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    if kind == b"VP8 ":
        sides = int.from_bytes(content[28:30], "little"), int.from_bytes(content[26:28], "little")
        return sides[0] & 0x3FFF, sides[1] & 0x3FFF
    raise DataError("its image is a WebP without a size: damaged")
