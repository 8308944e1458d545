"""H&E in TIFF files of any size (SVS, OME-TIFF; pyramidal or not, tiles or strips), read tile by tile."""

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from PIL import Image

from past.base.errors import DataError, reading
from past.base.foreign.encoded import RETILE
from past.base.pictures import UPRIGHT, TiledPicture, upright

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

log = logging.getLogger(__name__)

DAMAGED: Final = ("the image is damaged or cut off", "copy it again")
MAX_SIDE: Final = 2**20  # px, of an image and its tiles: no slide is 26 cm long at 0.25 µm/px
MAX_TILE_BYTES: Final = 2**30  # beyond, the file is one piece and would have to be decoded whole
ORIENTATION: Final = 274  # the tag
GLASS: Final = 255  # of a tile that was never written: scanners leave out what holds no tissue
SMALLER: Final = 1.5  # times, that a resolution is at least below the one before it
YCBCR_JPEG2000: Final = 33003  # Aperio's compression, whose pixels come out of the codec in these colours
_OTHER_COLOURS: Final = {3: "palette", 5: "CMYK", 8: "CIELAB", 9: "ICCLAB"}
_YCBCR: Final = 6
_KEEP_COLOURS: Final = (1, 5, 8, 32773, 32946, 50000)  # compressions that know no colours: what is in comes out
_STACKS: Final = {"Z": "focal planes", "T": "points of time", "I": "pictures of one size", "Q": "pictures of one size"}
_TO_RGB: Final = "rewrite it ('vips colourspace IMAGE OUT.tif[tile,pyramid,compression=jpeg] srgb')"


def open_tiff(path: Path) -> TiledPicture:
    """Open a brightfield RGB image of 8 bits a channel, upright; its pixels are read when they are asked for.

    Raises:
        DataError: missing, damaged, not 8-bit RGB with the channels last, or stored in one piece too large to decode.
    """
    try:
        from tifffile import TiffFile
    except ImportError as error:
        raise DataError(f"{path}: TIFF needs 'pip install past-pathology[tiff]'") from error
    if not path.is_file():
        raise DataError(f"{path}: no such image")
    with reading(path, *DAMAGED):
        file = TiffFile(path, _multifile=False)  # an OME-TIFF may name other files, anywhere: none is opened
        try:
            series = file.series[0]
            first = cast("TiffPage", series.levels[0].pages[0])
            _require_rgb(path, first, series.axes, series.shape, series.dtype)
            pictures = [_level(path, file, page, first) for page in (first, *_smaller(file, first))]
        except BaseException:
            file.close()
            raise
        pictures[0].smaller = tuple(pictures[1:])
        _say_what_is_lost(path, first)
        tag = first.tags.get(ORIENTATION)
        return upright(pictures[0], UPRIGHT if tag is None else int(tag.value))


def _require_rgb(path: Path, page: "TiffPage", axes: str, shape: tuple[int, ...], kind: Any) -> None:
    """Raise DataError unless (height, width, 3) uint8, in colours that are or become RGB."""
    seen = " × ".join(map(str, shape))
    sizes = dict(zip(axes, shape, strict=True))
    channels = sizes.get("S", sizes.get("C", 1))
    colours = int(page.photometric)
    stacked = next((f"{sizes[axis]} {word}" for axis, word in _STACKS.items() if sizes.get(axis, 1) > 1), None)
    if stacked:
        raise DataError(f"{path}: {stacked} ({seen}, {axes}): export one picture of the section")
    if colours in _OTHER_COLOURS:
        raise DataError(f"{path}: {_OTHER_COLOURS[colours]} colours ({seen}): {_TO_RGB}")
    if channels == 4:
        raise DataError(f"{path}: RGBA ({seen}): remove the alpha channel ('vips extract_band IMAGE OUT.tif 0 --n 3')")
    if channels != 3:
        raise DataError(f"{path}: {channels} grey channels ({seen}): fluorescence? give the H&E image, which is RGB")
    if kind != np.uint8:
        raise DataError(f"{path}: {kind} pixels ({seen}): export the H&E image with 8 bits a channel")
    if axes != "YXS":
        raise DataError(f"{path}: channel-first ({seen}, {axes}): rewrite it as (height, width, 3)")
    if colours == _YCBCR and int(page.compression) in _KEEP_COLOURS:
        raise DataError(f"{path}: YCbCr colours without JPEG ({seen}): {_TO_RGB}")


def _smaller(file: "TiffFile", first: "TiffPage") -> Iterator["TiffPage"]:
    """Yield the lower resolutions of a page: those that are said to be some, and other tiled pages of its aspect.

    Not every writer marks its lower resolutions (NewSubfileType 1).
    """
    said = [level.pages[0] for level in file.series[0].levels[1:]]
    others = [series.pages[0] for series in file.series[1:]]
    pages = [page for page in (*said, *others) if page is not None]
    last = first.imagewidth
    for page in sorted(cast("list[TiffPage]", pages), key=lambda page: -page.imagewidth):
        alike = abs(page.imagewidth * first.imagelength / first.imagewidth - page.imagelength) <= 2
        same_kind = page.shape[2:] == first.shape[2:] and page.dtype == first.dtype and page.is_tiled
        if page in said or (alike and same_kind and last >= SMALLER * page.imagewidth):
            last = page.imagewidth
            yield page


def _say_what_is_lost(path: Path, page: "TiffPage") -> None:
    """Warn where tiles are said to lie beyond the end of the file."""
    size = path.stat().st_size
    ends = np.add(page.dataoffsets, page.databytecounts)
    lost = int(((ends > size) & (np.asarray(page.databytecounts) > 0)).sum())
    if lost:
        log.warning(
            "%s: cut off at %s bytes: %d of %d tiles, and maybe its lower resolutions, lie beyond: copy it again",
            path, f"{size:,}", lost, len(ends),
        )  # fmt: skip


def _level(path: Path, file: "TiffFile", page: "TiffPage", first: "TiffPage") -> TiledPicture:
    """Return one resolution of the file."""
    wide = page.tilewidth if page.is_tiled else page.imagewidth
    high = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    sides = (wide, high, page.imagewidth, page.imagelength)
    if not all(type(side) is int and 0 < side <= MAX_SIDE for side in sides):
        raise ValueError(f"{page.imagewidth} × {page.imagelength} px in tiles of {wide} × {high}")
    if wide * high * 3 > MAX_TILE_BYTES:
        raise DataError(f"{path}: stored in one piece of {wide} × {high} px, which cannot be read by region: {RETILE}")
    across, down = math.ceil(page.imagewidth / wide), math.ceil(page.imagelength / high)
    if not len(page.dataoffsets) == len(page.databytecounts) == across * down:
        raise ValueError(f"{len(page.dataoffsets):,} tiles of {wide} × {high} px, {across * down:,} make the image")
    factor = first.imagewidth / page.imagewidth

    def read(row: int, column: int) -> np.ndarray:
        index = row * across + column
        if not page.databytecounts[index]:  # a tile that was never written
            return np.full((high, wide, 3), GLASS, np.uint8)
        place = f"{column * wide * factor:,.0f}, {row * high * factor:,.0f} px (row {row}, column {column})"
        with reading(path, f"{DAMAGED[0]} in its tile at {place}", DAMAGED[1]):
            shown = min(high, page.imagelength - row * high), min(wide, page.imagewidth - column * wide)
            return _decoded(file, page, index, shown)

    return TiledPicture((page.imagewidth, page.imagelength), (wide, high), read)


def _decoded(file: "TiffFile", page: "TiffPage", index: int, shown: tuple[int, int]) -> np.ndarray:
    """Return a tile (h, w, 3) of which at least `shown`, height and width, is there; ValueError where it is not."""
    length = page.databytecounts[index]
    file.filehandle.seek(page.dataoffsets[index])
    data = file.filehandle.read(length)
    if len(data) < length:  # a decoder would make up the rest
        raise ValueError(f"{len(data):,} of its {length:,} bytes are there")
    tile: Any = page.decode(data, index, jpegtables=page.jpegtables)[0]
    if tile.shape[3:] != (3,) or tile.shape[1] < shown[0] or tile.shape[2] < shown[1]:
        raise ValueError(f"a tile of {tile.shape[1:]}, wanted {(*shown, 3)}")
    if int(page.compression) == YCBCR_JPEG2000:
        return np.asarray(Image.fromarray(tile[0], "YCbCr").convert("RGB"))
    return tile[0]
