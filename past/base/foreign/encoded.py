"""Encoded pictures (JPEG, PNG, WebP): the one place that opens them, and what decoding them takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image

from past.base.errors import DataError
from past.base.foreign.memory import require_memory

FORMATS: Final = ("JPEG", "PNG", "WEBP")  # others start programs (EPS) or are read by code that few have looked at
RETILE: Final = "write it as a TIFF in tiles ('vips tiffsave IMAGE OUT.tif --tile --pyramid --compression jpeg')"
MAX_BYTES: Final = 16 << 30  # of memory that decoding one picture may take
# Bytes of memory for each pixel at the most, measured (Pillow 13): RGB lies in words of four bytes; libjpeg holds all
# coefficients of a progressive file, libwebp a canvas and a frame of RGBA besides; a palette is converted
_TAKES: Final = {"JPEG": 4.5, "JPEG, progressive": 11.0, "PNG": 5.5, "WEBP": 17.0}


@contextmanager
def open_encoded(source: Path | BinaryIO) -> Iterator[Image.Image]:
    """Open a picture; its pixels are decoded when they are asked for, and `load` does so in place, without a copy.

    Raises:
        DataError: decoding it would take more memory than MAX_BYTES, or than is free; without the file's name.
        PIL.UnidentifiedImageError: of none of the FORMATS.
        OSError: missing or damaged, as while decoding, where SyntaxError, ValueError and others occur too.
    """
    limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # PIL's own limit knows neither memory nor slides
    try:
        with Image.open(source, formats=FORMATS) as image:
            takes, what = taken(image), f"claims {image.width:,} × {image.height:,} px: decoding"
            if takes > MAX_BYTES:
                raise DataError(f"{what} takes {takes / 1e9:,.1f} GB, more than {MAX_BYTES / 1e9:,.1f}: {RETILE}")
            require_memory(takes, what, RETILE)
            yield image
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def taken(image: Image.Image) -> int:
    """Return how many bytes of memory a picture takes while it is decoded to RGB, at the most."""
    kind = f"{image.format}{', progressive' if 'progressive' in image.info else ''}"
    return int(image.width * image.height * _TAKES[kind])
