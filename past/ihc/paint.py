"""Virtual IHC as a picture: haematoxylin kept from the H&E, DAB painted within each cell by its intensity."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from past.base.errors import ConfigError
from past.base.files import atomic_path
from past.base.pictures import Picture
from past.cells.nuclei import Nuclei
from past.cells.raster import RADIUS_UM, Raster, skimage

DENSEST: Final = 1.2  # optical density of DAB that is painted at most: beyond it all is black
GROWN_UM: Final = {"nucleus": 0.0, "cell": 4.0}  # beyond the nucleus that is painted
TILE: Final = 512
LEAST: Final = 1024  # px that the pyramid's smallest resolution is about
_H_DAB: Final = np.array([[0.650, 0.704, 0.286], [0.268, 0.570, 0.776]])  # as in `past.ihc.measure`
_DECADES: Final = 6.0


@dataclass(frozen=True)
class Painter:
    """Paints a slide's virtual stain window by window.

    Attributes:
        picture: the H&E, level 0.
        raster: its cells, as far as they are painted.
        density: (n,) optical density of DAB of each; NaN: nothing is painted.
    """

    picture: Picture
    raster: Raster
    density: np.ndarray

    def __call__(self, box: tuple[int, int, int, int]) -> np.ndarray:
        """Return (h, w, 3) uint8 of a window left, top, right, bottom; white outside the slide."""
        skimage("painting a stain")
        from scipy.ndimage import gaussian_filter
        from skimage.color import hed_from_rgb, separate_stains

        left, top, right, bottom = box
        width, height = self.picture.size
        pixels = np.array(self.picture.crop(box))
        pixels[max(height - top, 0) :], pixels[:, max(width - left, 0) :] = 255, 255
        blue = separate_stains(pixels, hed_from_rgb)[..., 0] * _DECADES
        edge = 4  # px beyond the window that its softened rims depend on
        labels = self.raster.labels(left - edge, top - edge, right + edge, bottom + edge)
        amounts = np.concatenate([[0.0], np.nan_to_num(self.density)]).clip(0, DENSEST)
        brown = gaussian_filter(amounts[labels], 0.8)[edge:-edge, edge:-edge]
        light = 255 * 10 ** -(blue[..., None] * _H_DAB[0] + brown[..., None] * _H_DAB[1])
        return np.clip(np.round(light), 0, 255).astype(np.uint8)


def painter(picture: Picture, nuclei: Nuclei, density: np.ndarray, mpp: float, where: str = "nucleus") -> Painter:
    """Return what paints cells.

    Args:
        picture: the H&E.
        nuclei: in its pixels.
        density: (n,) optical density of DAB.
        mpp: µm a pixel.
        where: "nucleus", or "cell": with the cytoplasm around it.

    Raises:
        ConfigError: no such place.
    """
    if where not in GROWN_UM:
        raise ConfigError(f"--compartment {where}: use {' or '.join(GROWN_UM)}")
    return Painter(picture, Raster(nuclei, RADIUS_UM / mpp, GROWN_UM[where] / mpp), density)


def density_of(intensity: np.ndarray, thresholds: tuple[float, float, float]) -> np.ndarray:
    """Return (n,) optical densities that grade as intensities do: thresholds fall on 0.2, 0.4, 0.6; linear between."""
    weak, moderate, strong = thresholds
    beyond = strong + 3 * (strong - moderate)
    return np.interp(intensity, (0.0, weak, moderate, strong, beyond), (0.0, 0.2, 0.4, 0.6, DENSEST))


def write_png(path: Path, paint: Painter, box: tuple[int, int, int, int]) -> None:
    """Write a window as PNG."""
    with atomic_path(path) as made:
        Image.fromarray(paint(box)).save(made, format="PNG")


def write_ome_tiff(path: Path, paint: Painter, mpp: float, name: str) -> None:
    """Write the whole slide as a tiled OME-TIFF with resolutions 4 times smaller each, JPEG within.

    Each is made of the one above while that is painted, in a file that is gone afterwards: memory stays bounded.

    Raises:
        ConfigError: tifffile is not installed.
        NoSpaceError: the disk is full.
    """
    try:
        from tifffile import TiffWriter
    except ImportError as error:
        raise ConfigError(f"{path}: TIFF needs 'pip install past-pathology[tiff]'") from error
    width, height = paint.picture.size
    smaller = max(0, math.ceil(math.log(max(width, height) / LEAST, 4)))
    with atomic_path(path) as made:
        held = [_on_disk(made, level, width, height) for level in range(1, smaller + 1)]
        options: dict[str, Any] = {"tile": (TILE, TILE), "photometric": "rgb", "compression": "jpeg", "dtype": np.uint8}
        options |= {"compressionargs": {"level": 90}}
        pixel = {"PhysicalSizeX": mpp, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": mpp, "PhysicalSizeYUnit": "µm"}
        with TiffWriter(made, bigtiff=True, ome=True) as file:
            file.write(
                _painted(paint, held), shape=(height, width, 3), subifds=smaller, resolution=(1e4 / mpp, 1e4 / mpp),
                resolutionunit="CENTIMETER", metadata={"axes": "YXS", "Name": name, **pixel}, **options,
            )  # fmt: skip
            for level in held:
                file.write(_tiles(level), shape=level.shape, subfiletype=1, metadata=None, **options)
        for level in range(1, smaller + 1):
            _scratch(made, level).unlink()


def _scratch(path: Path, level: int) -> Path:
    return path.with_name(f"level{level}")


def _on_disk(path: Path, level: int, width: int, height: int) -> np.ndarray:
    shape = (math.ceil(height / 4**level), math.ceil(width / 4**level), 3)
    return np.memmap(_scratch(path, level), np.uint8, "w+", shape=shape)


def _painted(paint: Painter, held: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the tiles of the largest resolution, row by row, and fill the smaller ones on the way."""
    width, height = paint.picture.size
    for top in range(0, height, TILE):
        for left in range(0, width, TILE):
            tile = paint((left, top, left + TILE, top + TILE))
            small = Image.fromarray(tile)
            for level, whole in enumerate(held, 1):
                small = small.reduce(4)
                y, x = top // 4**level, left // 4**level
                part = np.asarray(small)[: whole.shape[0] - y, : whole.shape[1] - x]
                whole[y : y + len(part), x : x + part.shape[1]] = part
            yield tile


def _tiles(whole: np.ndarray) -> Iterator[np.ndarray]:
    for top in range(0, whole.shape[0], TILE):
        for left in range(0, whole.shape[1], TILE):
            part = whole[top : top + TILE, left : left + TILE]
            tile = np.full((TILE, TILE, 3), 255, np.uint8)
            tile[: part.shape[0], : part.shape[1]] = part
            yield tile
