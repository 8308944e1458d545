"""H&E in TIFF files of any size (OME-TIFF, pyramidal or not, tiles or strips), read tile by tile."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from past.base.errors import DataError, reading
from past.base.foreign.encoded import RETILE
from past.base.pictures import UPRIGHT, TiledPicture, upright

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage

DAMAGED = ("the image is damaged or cut off", "copy it again")
MAX_SIDE = 2**20  # px, of an image and its tiles: no slide is 26 cm long at 0.25 µm/px
MAX_TILE_BYTES = 2**30  # beyond, the file is one piece and would have to be decoded whole
ORIENTATION = 274  # the tag
GLASS = 255  # of a tile that was never written: scanners leave out what holds no tissue


def open_tiff(path: Path) -> TiledPicture:
    """Open a brightfield RGB image of 8 bits a channel, upright; its pixels are read when they are asked for.

    Raises:
        DataError: missing, damaged, not 8-bit RGB with the channels last, or stored in one piece too large to decode.
    """
    try:
        from tifffile import TiffFile
    except ImportError as error:
        raise DataError(f"{path}: TIFF needs 'pip install past-pathology[wsi]'") from error
    if not path.is_file():
        raise DataError(f"{path}: no such image")
    with reading(path, *DAMAGED):
        file = TiffFile(path)
        try:
            series = file.series[0]
            levels = [cast("TiffPage", level.pages[0]) for level in series.levels]
            _require_rgb(path, series.axes, series.shape, series.dtype)
            pictures = [_level(path, file, page) for page in levels]
        except BaseException:
            file.close()
            raise
        pictures[0].smaller = tuple(pictures[1:])
        tag = levels[0].tags.get(ORIENTATION)
        return upright(pictures[0], UPRIGHT if tag is None else int(tag.value))


def _require_rgb(path: Path, axes: str, shape: tuple[int, ...], kind: Any) -> None:
    """Raise DataError unless (height, width, 3) uint8."""
    seen = " × ".join(map(str, shape))
    sizes = dict(zip(axes, shape, strict=True))
    channels = sizes.get("S", sizes.get("C", 1))
    if channels == 4:
        raise DataError(f"{path}: RGBA ({seen}): remove the alpha channel ('vips extract_band IMAGE OUT.tif 0 --n 3')")
    if channels != 3:
        raise DataError(f"{path}: {channels} grey channels ({seen}): fluorescence? give the H&E image, which is RGB")
    if kind != np.uint8:
        raise DataError(f"{path}: {kind} pixels ({seen}): export the H&E image with 8 bits a channel")
    if axes != "YXS":
        raise DataError(f"{path}: channel-first ({seen}, {axes}): rewrite it as (height, width, 3)")


def _level(path: Path, file: "TiffFile", page: "TiffPage") -> TiledPicture:
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

    def read(row: int, column: int) -> np.ndarray:
        index = row * across + column
        if not page.databytecounts[index]:  # a tile that was never written
            return np.full((high, wide, 3), GLASS, np.uint8)
        with reading(path, *DAMAGED):
            file.filehandle.seek(page.dataoffsets[index])
            data = file.filehandle.read(page.databytecounts[index])
            tile: Any = page.decode(data, index, jpegtables=page.jpegtables)[0]
            shown = min(high, page.imagelength - row * high), min(wide, page.imagewidth - column * wide)
            if tile.shape[3:] != (3,) or tile.shape[1] < shown[0] or tile.shape[2] < shown[1]:
                raise ValueError(f"a tile of {tile.shape[1:]}, wanted {(*shown, 3)}")
            return tile[0]

    return TiledPicture((page.imagewidth, page.imagelength), (wide, high), read)
