"""Whole slides of any size as pyramidal JPEG OME-TIFF, written in seconds: a few dozen tiles, laid at random."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

TILE = 512
KINDS = 48


def tissue_tiles(side: int, seed: int = 0) -> list[bytes]:
    """Return encoded tiles of pink stroma with purple nuclei, each different."""
    import imagecodecs
    from platforms import stained

    tiles = []
    for kind in range(KINDS):
        rng = np.random.default_rng([seed, kind])
        picture = stained((TILE, TILE), rng.uniform(0, TILE, (60, 2)), radius=float(rng.uniform(8, 14)))
        pixels = np.asarray(picture.resize((side, side), Image.Resampling.BOX)).astype(np.int16)
        pixels = np.clip(pixels + rng.integers(-12, 13, 3), 0, 255).astype(np.uint8)
        tiles.append(imagecodecs.jpeg8_encode(pixels, level=80))
    return tiles


def write_slide(path: Path, side: int, levels: int = 4, seed: int = 0) -> None:
    """Write a square slide; level l is of side / 2**l pixels, its tiles the full ones made smaller."""
    import tifffile

    def laid(level: int) -> Iterator[bytes]:
        across = -(-(side >> level) // TILE)
        tiles = tissue_tiles(TILE, seed + level)
        order = np.random.default_rng([seed, level]).integers(0, KINDS, across * across)
        return (tiles[kind] for kind in order)

    with tifffile.TiffWriter(path, bigtiff=True, ome=True) as file:
        for level in range(levels):
            file.write(
                laid(level),
                shape=(side >> level, side >> level, 3),
                dtype=np.uint8,
                tile=(TILE, TILE),
                photometric="ycbcr",
                compression="jpeg",
                **({"subifds": levels - 1} if level == 0 else {"subfiletype": 1}),
            )


def scattered(cells: int, side: int, seed: int = 0) -> np.ndarray:
    """Return centres (n, 2) in pixels, in no order, some close to the edge."""
    return np.random.default_rng(seed).uniform(20, side - 20, (cells, 2))


def section(width: int, height: int, seed: int = 0) -> np.ndarray:
    """Return pixels (h, w, 3) of glass with two pieces of tissue, every place of them different."""
    from platforms import stained

    rng = np.random.default_rng(seed)
    centres = np.r_[
        rng.uniform((0.2 * width, 0.2 * height), (0.45 * width, 0.8 * height), (60, 2)),
        rng.uniform((0.65 * width, 0.3 * height), (0.8 * width, 0.6 * height), (30, 2)),
    ]
    pixels = np.asarray(stained((width, height), centres, radius=min(width, height) / 100)).astype(np.int16)
    noise = rng.integers(-10, 11, pixels.shape) * (
        pixels.max(axis=2, keepdims=True) - pixels.min(axis=2, keepdims=True) > 20
    )
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


def aperio(mpp: float | str | None, power: int | None = 20) -> str:
    """Return the description that Aperio's scanners write."""
    said = [f"AppMag = {power}"] if power else []
    said += [f"MPP = {mpp}"] if mpp is not None else []
    return "|".join(["Aperio Image Library v11.2.1 \r\n46000x32914 [0,100 46000x32814] (240x240) JPEG/RGB Q=70", *said])


def write_svs(
    path: Path,
    pixels: np.ndarray,
    mpp: float | str | None = 0.25,
    factors: tuple[int, ...] = (1, 2, 4),
    **options: object,
) -> Path:
    """Write a slide as Aperio's scanners do: full size, thumbnail, lower resolutions; unmarked, as theirs are."""
    import tifffile

    kept: dict = {"photometric": "rgb", "tile": (64, 64), "metadata": None, "compression": "zlib"} | options
    description = kept.pop("description", aperio(mpp))
    with tifffile.TiffWriter(path) as file:
        for level, factor in enumerate(factors):
            smaller = np.asarray(Image.fromarray(pixels).reduce(factor))
            file.write(smaller, description=description, **kept)
            if level == 0:
                thumbnail = np.asarray(Image.fromarray(pixels).resize((40, 30)))
                file.write(thumbnail, photometric="rgb", metadata=None, description=description)
    return path


def plain_grid(size: tuple[int, int], side: int = 64, px: int = 32, mpp: float = 0.5):
    """Return tiles that cover a slide of 0.25 µm/px, whatever lies on it."""
    from past.slides.tiling import TileGrid

    down, across = np.mgrid[0 : size[1] : side, 0 : size[0] : side]
    return TileGrid(np.c_[across.ravel(), down.ravel()].astype(np.int64), side, px, mpp)


def damage(path: Path, row: int, column: int) -> None:
    """Overwrite a tile of a slide's largest resolution with what no decoder takes."""
    import tifffile

    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        index = row * -(-page.imagewidth // page.tilewidth) + column
        place, length = page.dataoffsets[index], page.databytecounts[index]
    with path.open("r+b") as raw:
        raw.seek(place)
        raw.write(b"\1" * length)


class Eight(nn.Module):
    """Eight numbers of a tile: what the tiny STPath reads."""

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        parts = crops.float().unflatten(2, (2, -1)).mean(dim=(3, 4)).flatten(1) / 255
        return torch.cat([parts, parts[:, :2] ** 2], dim=1)
