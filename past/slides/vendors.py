"""Formats that OpenSlide knows (MRXS, NDPI, BIF, SCN, DICOM …), read tile by tile as any other picture."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from past.base.errors import DataError
from past.base.pictures import TiledPicture
from past.slides.resolution import Resolution, vendor_resolution

if TYPE_CHECKING:
    from openslide import OpenSlide  # type: ignore[import-not-found]

SUFFIXES: Final = (".mrxs", ".ndpi", ".bif", ".scn", ".dcm", ".vms", ".vmu", ".svslide", ".czi")
TILE: Final = 512  # px that are decoded at once, whatever the file's own tiles


def open_by_openslide(path: Path) -> tuple[TiledPicture, Resolution]:
    """Open a slide; its pixels are read when they are asked for.

    Raises:
        DataError: OpenSlide is not installed, does not know the format, or finds the file broken.
    """
    try:
        import openslide  # type: ignore[import-not-found]
    except (ImportError, OSError) as error:  # OSError: its C library is not there
        raise DataError(f"{path}: {path.suffix} needs OpenSlide: 'pip install past-pathology[wsi]'") from error
    if not path.is_file():
        raise DataError(f"{path}: no such slide")
    beside = path.with_suffix("")
    if path.suffix.lower() == ".mrxs" and not beside.is_dir():
        raise DataError(f"{path}: its folder {beside.name} is not beside it: the pixels lie in there; copy both")

    def opened() -> "OpenSlide":
        try:
            return openslide.OpenSlide(path)
        except openslide.OpenSlideError as error:  # OpenSlideUnsupportedFormatError is one
            raise DataError(
                f"{path}: OpenSlide cannot read it ({error}): copy it again, or convert it to TIFF"
            ) from error

    slide = opened()
    whole, *smaller = (_level(path, slide, level, opened) for level in range(slide.level_count))
    whole.smaller = tuple(smaller)
    return whole, vendor_resolution(slide.properties)


def _level(path: Path, slide: "OpenSlide", level: int, again: Callable[[], "OpenSlide"]) -> TiledPicture:
    """Return one resolution; after an error OpenSlide wants to be opened `again`."""
    from openslide import OpenSlideError  # type: ignore[import-not-found]

    size, factor = slide.level_dimensions[level], slide.level_downsamples[level]
    state = [slide]

    def read(row: int, column: int) -> np.ndarray:
        x, y = round(column * TILE * factor), round(row * TILE * factor)
        wanted = min(TILE, size[0] - column * TILE), min(TILE, size[1] - row * TILE)
        try:
            region = state[0].read_region((x, y), level, wanted)
        except OpenSlideError as error:
            state[0] = again()
            raise DataError(f"{path}: its tile at {x:,}, {y:,} px cannot be read ({error}): copy it again") from error
        glass = Image.new("RGB", region.size, "white")
        glass.paste(region, mask=region.getchannel("A"))  # what was not scanned is transparent
        return np.asarray(glass)

    return TiledPicture(size, (TILE, TILE), read)
