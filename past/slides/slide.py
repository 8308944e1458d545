"""Opening a whole slide: the one place that decides what reads a file, and how many µm its pixels measure."""

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from past.base.errors import DataError
from past.base.foreign.picture import TIFF, open_picture
from past.base.pictures import UPRIGHT, Picture, TiledPicture, stored_orientation
from past.slides.levels import Level, cut_tile, levels_of
from past.slides.resolution import Resolution, tiff_resolution
from past.slides.vendors import SUFFIXES, open_by_openslide

log = logging.getLogger(__name__)

CACHE_BYTES: Final = 96 * 2**20  # of decoded tiles a resolution: three rows of them on a slide of 100,000 px
OPENED: Final = "another reader"
OVERVIEW_MPP: Final = 8.0  # about a cell's size: where tissue is looked for, and of a thumbnail
_SAMPLES, _SAMPLE = 64, 1 << 16  # places of a file that its fingerprint looks at, and bytes at each


@dataclass(frozen=True)
class Slide:
    """A slide that is open, upright; its pixels are read when they are asked for.

    Attributes:
        path: the file.
        levels: its resolutions, the largest first.
        mpp: µm/px of the largest.
        mpp_source: which words said so.
        reader: what reads it.
        stored: orientation of the pixels in the file, as EXIF numbers it.
    """

    path: Path
    levels: tuple[Level, ...]
    mpp: float
    mpp_source: str
    reader: str
    stored: int = UPRIGHT

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of level 0."""
        return self.levels[0].picture.size

    def tile(self, x: float, y: float, px: int, mpp: float) -> np.ndarray:
        """Return the (px, px, 3) uint8 tile of `mpp` µm/px around a centre in pixels of level 0."""
        return cut_tile(self.levels, x, y, px, mpp / self.mpp)

    @cached_property
    def overview(self) -> tuple[np.ndarray, int]:
        """The whole slide (h, w, 3) uint8 at 6 to 11 µm/px, and its pixels of level 0 per pixel of that.

        What cannot be read is glass here: whether that ends the work is for who reads the tiles.
        """
        most = max(self.size).bit_length() - 1
        step = 2 ** min(max(0, round(float(np.log2(OVERVIEW_MPP / self.mpp)))), most)
        picture, lost = self.levels[0].picture, []
        if isinstance(picture, TiledPicture):
            picture = _glass_where_lost(picture, lost)
        small = np.asarray(picture.reduce(step))
        if lost:
            log.warning(
                "%s: %d of its stored tiles cannot be read and count as glass where tissue is looked for (%s)",
                self.path, len(lost), lost[0],
            )  # fmt: skip
        return small, step


def open_slide(path: Path, mpp: float | None = None) -> Slide:
    """Open a slide: TIFF, SVS and OME-TIFF by ourselves, other formats by OpenSlide, JPEG and PNG whole.

    Args:
        path: the file.
        mpp: µm/px of its largest resolution, in place of what the file says.

    Raises:
        DataError: missing, damaged, of an unknown format or no brightfield RGB; or nothing says its µm/px.
    """
    picture: Picture
    if not path.is_file():
        raise DataError(f"{path}: no such slide")
    if path.suffix.lower() in SUFFIXES:
        picture, said = open_by_openslide(path)
        reader = "OpenSlide"
    else:
        with path.open("rb") as file:
            is_tiff = file.read(4) in TIFF
        picture, said = open_picture(path), tiff_resolution(path) if is_tiff else Resolution()
        reader = "tifffile" if is_tiff else "Pillow"
    levels = levels_of(picture)
    for level in levels:
        if isinstance(level.picture, TiledPicture):
            level.picture.cache_bytes = CACHE_BYTES
    return Slide(path, levels, *said.mpp(path, mpp), reader, stored_orientation(picture))


def slide_of_pixels(path: Path, picture: Picture, mpp: float) -> Slide:
    """Return a slide of pixels that another reader has opened, within a store say, and that any thread may read."""
    return Slide(path, levels_of(picture), mpp, "given", OPENED)


def open_again(slide: Slide) -> Slide:
    """Return the same slide with readers and caches of its own, for another thread."""
    if slide.reader != OPENED:
        return open_slide(slide.path, slide.mpp)
    picture = slide.levels[0].picture
    if isinstance(picture, TiledPicture):
        picture = TiledPicture(picture.size, picture.tile, picture.read, picture.smaller, CACHE_BYTES)
    return slide_of_pixels(slide.path, picture, slide.mpp)


def _glass_where_lost(picture: TiledPicture, lost: list[str]) -> TiledPicture:
    """Return a picture whose tiles are white where they cannot be read; what is wrong with each is put into `lost`."""

    def read(row: int, column: int) -> np.ndarray:
        try:
            return picture.read(row, column)
        except DataError as error:
            lost.append(str(error))
            return np.full((picture.tile[1], picture.tile[0], 3), 255, np.uint8)

    smaller = tuple(_glass_where_lost(level, lost) for level in picture.smaller)
    return TiledPicture(picture.size, picture.tile, read, smaller, CACHE_BYTES)


def _start(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.sha256(file.read(_SAMPLE)).hexdigest()


def fingerprint(path: Path) -> str:
    """Return a hash of a file's size and of 4 MB of its bytes, spread evenly: gigabytes would take too long.

    Of a slide with a folder of its own beside it (MRXS), the folder's names and sizes too; of a folder, of each file.
    """
    if path.is_dir():
        parts = sorted(part for part in path.rglob("*") if part.is_file())
        said = [f"{part.relative_to(path)} {part.stat().st_size} {_start(part)}" for part in parts]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()
    size = path.stat().st_size
    digest = hashlib.sha256(f"{size}".encode())
    with path.open("rb") as file:
        for place in sorted({round(i * max(size - _SAMPLE, 0) / (_SAMPLES - 1)) for i in range(_SAMPLES)}):
            file.seek(place)
            digest.update(file.read(_SAMPLE))
    beside = path.with_suffix("")
    if path.suffix.lower() == ".mrxs" and beside.is_dir():
        for part in sorted(beside.iterdir()):
            digest.update(f"\n{part.name} {part.stat().st_size}".encode())
    return digest.hexdigest()
