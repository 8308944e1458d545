"""Images that are read by region, so that a whole slide of many gigabytes never lies in memory."""

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
from PIL import Image

CACHE_BYTES = 256 * 2**20  # of decoded tiles
_BAND_PIXELS = 2**24  # decoded at once where a whole image is made smaller
_TURN: Final = {  # EXIF's orientation of stored pixels → what shows them upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
UPRIGHT: Final = 1


class Picture(Protocol):
    """What a section's image can do; `PIL.Image.Image` does it too."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        ...

    def crop(self, box: tuple[int, int, int, int], /) -> Image.Image:
        """Return the region left, top, right, bottom as RGB, black outside the image."""
        ...

    def reduce(self, factor: int, /) -> Image.Image:
        """Return the whole image made smaller: each pixel the mean of factor × factor."""
        ...


@dataclass
class TiledPicture:
    """RGB pixels in tiles that are decoded when a region needs them, each once while it is in the cache.

    Attributes:
        size: width and height.
        tile: width and height of a tile; those at the right and lower edge may be decoded in full or cut.
        read: decodes the tile of (row, column) to (h, w, 3) uint8.
        smaller: the same image at lower resolutions, the largest first.
        cache_bytes: decoded tiles that are kept.
        stored: orientation of the pixels in the file, as EXIF numbers it.
    """

    size: tuple[int, int]
    tile: tuple[int, int]
    read: Callable[[int, int], np.ndarray]
    smaller: Sequence["TiledPicture"] = ()
    cache_bytes: int = CACHE_BYTES
    stored: int = UPRIGHT
    _tiles: OrderedDict[tuple[int, int], np.ndarray] = field(default_factory=OrderedDict)
    _held: int = 0

    def crop(self, box: tuple[int, int, int, int], /) -> Image.Image:
        """Return the region left, top, right, bottom as RGB, black outside the image."""
        left, top, right, bottom = box
        region = np.zeros((bottom - top, right - left, 3), np.uint8)
        (wide, high), (width, height) = self.tile, self.size
        for row in range(max(top, 0) // high, math.ceil(min(bottom, height) / high)):
            for column in range(max(left, 0) // wide, math.ceil(min(right, width) / wide)):
                x0, y0 = max(left, column * wide), max(top, row * high)
                x1, y1 = min(right, (column + 1) * wide, width), min(bottom, (row + 1) * high, height)
                tile = self._tile(row, column)[
                    y0 - row * high : y1 - row * high, x0 - column * wide : x1 - column * wide
                ]
                region[y0 - top : y1 - top, x0 - left : x1 - left] = tile
        return Image.fromarray(region)

    def reduce(self, factor: int, /) -> Image.Image:
        """Return the whole image made smaller: each pixel the mean of factor × factor; band by band.

        Starts from the smallest resolution in the file whose own factor divides this one.
        """
        level, step = self, factor
        for smaller in self.smaller:
            ratio = round(self.size[0] / smaller.size[0])
            if factor % ratio == 0:
                level, step = smaller, factor // ratio
        width, height = level.size
        small = Image.new("RGB", (math.ceil(width / step), math.ceil(height / step)))
        rows = max(1, _BAND_PIXELS // (width * step))
        for first in range(0, small.height, rows):
            band = level.crop((0, first * step, width, min((first + rows) * step, height)))
            small.paste(band.reduce(step), (0, first))
        return small

    def _tile(self, row: int, column: int) -> np.ndarray:
        tile = self._tiles.pop((row, column), None)
        if tile is None:
            tile = self.read(row, column)
            self._held += tile.nbytes
        self._tiles[row, column] = tile  # most recently used last
        while self._held > self.cache_bytes and len(self._tiles) > 1:
            self._held -= self._tiles.popitem(last=False)[1].nbytes
        return tile


def reading_order(picture: Picture, centres: np.ndarray) -> np.ndarray:
    """Return the order in which crops around centres (n, 2) read each tile once: row of tiles by row, to and fro.

    In strips so wide that four rows of their tiles stay in the cache; an image in memory keeps the order as it is.
    """
    if not isinstance(picture, TiledPicture):
        return np.arange(len(centres))
    high = max(picture.tile[1], 256)
    strip = np.floor(centres[:, 0] / max(picture.tile[0], CACHE_BYTES // (4 * high * 3)))
    row = np.floor(centres[:, 1] / high)
    return np.lexsort((centres[:, 1], np.where(row % 2, -centres[:, 0], centres[:, 0]), row, strip))


def upright(picture: TiledPicture, stored: int) -> TiledPicture:
    """Return a picture whose pixels are stored in one of EXIF's orientations as it is seen; tiles are turned when read.

    Args:
        picture: as it is stored.
        stored: the orientation; any other number than 2 to 8 means that it is upright.
    """
    if stored not in _TURN:
        return picture
    (width, height), on_its_side = picture.size, stored >= 5
    wide, high = picture.tile[::-1] if on_its_side else picture.tile

    def read(row: int, column: int) -> np.ndarray:
        x0, y0, x1, y1 = column * wide, row * high, (column + 1) * wide, (row + 1) * high
        if on_its_side:
            x0, y0, x1, y1 = y0, x0, y1, x1
        if stored in (2, 3, 7, 8):
            x0, x1 = width - x1, width - x0
        if stored in (3, 4, 6, 7):
            y0, y1 = height - y1, height - y0
        return np.asarray(picture.crop((x0, y0, x1, y1)).transpose(_TURN[stored]))

    size = (height, width) if on_its_side else (width, height)
    smaller = tuple(upright(level, stored) for level in picture.smaller)
    return TiledPicture(size, (wide, high), read, smaller, picture.cache_bytes, stored)


def stored_orientation(picture: Picture) -> int:
    """Return the orientation in which a picture's pixels are stored, 1 where that is how they are seen."""
    return getattr(picture, "stored", None) or getattr(picture, "info", {}).get("stored", UPRIGHT)
