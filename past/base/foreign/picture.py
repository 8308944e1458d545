"""H&E images in files of others: a TIFF is read by region, any other is decoded whole."""

import logging
from pathlib import Path
from typing import Final

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from past.base.errors import DataError, reading
from past.base.foreign.encoded import open_encoded
from past.base.foreign.tiff import open_tiff
from past.base.pictures import UPRIGHT, Picture, stored_orientation

log = logging.getLogger(__name__)

TIFF: Final = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # first bytes, also of BigTIFF
_MODES: Final = {
    "RGBA": "RGBA",
    "L": "one grey channel (fluorescence?)",
    "I;16": "16-bit grey (fluorescence?)",
    "CMYK": "CMYK",
}


def open_picture(path: Path) -> Picture:
    """Open an H&E image, upright: a TIFF to be read by region, any other decoded whole.

    Raises:
        DataError: it is missing, damaged, of an unknown format, or not RGB of 8 bits a channel.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such image")
    with path.open("rb") as file:
        start = file.read(4)
    picture = open_tiff(path) if start in TIFF else read_image(path)
    stored = stored_orientation(picture)
    if stored != UPRIGHT:
        log.warning(
            "%s: its pixels are stored turned (orientation %d) and are read upright, %d × %d px, as it is seen: "
            "the coordinates must be of that",
            path, stored, *picture.size,
        )  # fmt: skip
    return picture


def read_image(path: Path) -> Image.Image:
    """Read and decode an RGB image, turned upright as its EXIF data say.

    Raises:
        DataError: it is missing, of an unknown format, too large, cut off, or not RGB of 8 bits a channel.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such image")
    with reading(path, "the image is damaged or cut off", "copy it again"):
        try:
            with open_encoded(path) as image:
                if image.mode not in ("RGB", "P"):
                    found = _MODES.get(image.mode, image.mode)
                    raise DataError(f"{found}: give the H&E image as RGB of 8 bits")
                image.load()
                return _upright(image)
        except UnidentifiedImageError as error:
            raise DataError(f"{path}: not an image that can be read: give a JPEG, PNG or TIFF") from error
        except DataError as error:
            raise DataError(f"{path}: {error}") from error


def _upright(image: Image.Image) -> Image.Image:
    stored = image.getexif().get(ExifTags.Base.Orientation, UPRIGHT)
    ImageOps.exif_transpose(image, in_place=True)
    seen = image.convert("RGB") if image.mode == "P" else image  # converting RGB would copy it
    seen.info["stored"] = stored if stored in range(1, 9) else UPRIGHT
    return seen
