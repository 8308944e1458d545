"""What reading a whole slide costs: tiles/s by us, beside LazySlide's own loop and the bare decoding of the same file.

A slide as Aperio writes them (0.25 µm/px, JPEG tiles of 240 px; its next level is of 1 µm/px) is written into bench/
once. Both loops read the same tiles of 224 px at 0.5 µm/px with two workers, and a model that returns zeros; bare
decoding is of the tiles of the file that these cover. One run; ratios are what counts.
"""

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from past.slides.slide import Slide, open_again, open_slide
from past.slides.tile_reader import read_batches
from past.slides.tiling import TileGrid, open_wsi, tile

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from whole_slides import aperio, tissue_tiles

STORED, PX, MPP, WORKERS, BATCH = 240, 224, 0.5, 2, 128
FASTER, OF_BARE = 3.0, 0.5  # the claims


def write_aperio(path: Path, side: int) -> None:
    """Write a square slide of tissue, with a level of a quarter of its size."""
    import imagecodecs
    import tifffile

    whole = [imagecodecs.jpeg8_decode(content) for content in tissue_tiles(STORED)]
    small = [np.asarray(Image.fromarray(pixels).resize((STORED, STORED), Image.Resampling.BOX)) for pixels in whole]
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for factor, kinds in ((1, whole), (4, small)):
            edge = side // factor
            across = -(-edge // STORED)
            content = [imagecodecs.jpeg8_encode(pixels, level=70) for pixels in kinds]
            order = np.random.default_rng(factor).integers(0, len(content), across * across)
            file.write(
                (content[kind] for kind in order),
                shape=(edge, edge, 3), dtype=np.uint8, tile=(STORED, STORED), photometric="ycbcr", compression="jpeg",
                description=aperio(0.25), metadata=None,
            )  # fmt: skip
            if factor == 1:
                thumbnail = small[0][:64, :64]
                file.write(thumbnail, photometric="rgb", metadata=None, description=aperio(0.25))


def rate(tiles: int, work: Callable[[], object]) -> float:
    """Return tiles/s."""
    start = time.perf_counter()
    work()
    return tiles / (time.perf_counter() - start)


def ours(slide: Slide, grid: TileGrid) -> None:
    """Read all tiles, and give them to a model that returns zeros."""
    for batch in read_batches(lambda: open_again(slide), grid, 0, BATCH, WORKERS):
        np.zeros((len(batch.tiles), 8), np.float32)


def bare(path: Path, grid: TileGrid) -> Callable[[], None]:
    """Return what decodes each tile of the file that the grid covers once, and does nothing else."""
    import imagecodecs
    import tifffile

    with tifffile.TiffFile(path) as file, path.open("rb") as raw:
        page: Any = file.pages[0]
        across = -(-page.imagewidth // STORED)
        first, last = grid.corners // STORED, (grid.corners + grid.side - 1) // STORED
        last = np.minimum(last, across - 1)
        wanted = {
            (x, y)
            for low, high in zip(first, last, strict=True)
            for x in range(low[0], high[0] + 1)
            for y in range(low[1], high[1] + 1)
        }
        content = []
        for x, y in sorted(wanted, key=lambda place: (place[1], place[0])):
            raw.seek(page.dataoffsets[y * across + x])
            content.append(raw.read(page.databytecounts[y * across + x]))

    def decode() -> None:
        with ThreadPoolExecutor(WORKERS) as pool:
            for _ in pool.map(imagecodecs.jpeg8_decode, content):
                pass

    return decode


def lazyslides(path: Path) -> tuple[int, Callable[[], None]]:
    """Return the number of tiles, and LazySlide's own loop over them with OpenSlide, its default reader."""
    import lazyslide  # type: ignore[import-not-found]
    import torch
    import wsidata  # type: ignore[import-not-found]

    class Zeros(torch.nn.Module):
        def forward(self, tiles: torch.Tensor) -> torch.Tensor:
            return torch.zeros(len(tiles), 8)

    wsi = wsidata.open_wsi(path, store=None, reader="openslide")  # type: ignore[arg-type]
    lazyslide.pp.tile_tissues(wsi, PX, mpp=MPP, edge=True, tissue_key=None)
    tiles = len(wsi.shapes["tiles"])

    def loop() -> None:
        lazyslide.tl.feature_extraction(
            wsi, Zeros(), model_name="zeros", batch_size=BATCH, num_workers=WORKERS, device="cpu", pbar=False
        )

    return tiles, loop


def main() -> None:
    """Write the slide unless it is there, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=14_400, help="of the slide, px")
    parser.add_argument("--folder", type=Path, default=Path("bench"))
    given = parser.parse_args()
    path = given.folder / f"aperio-{given.side}.svs"
    if not path.is_file():
        given.folder.mkdir(exist_ok=True)
        write_aperio(path.with_suffix(".part"), given.side)
        path.with_suffix(".part").rename(path)
    slide = open_slide(path)
    grid = tile(open_wsi(path, store=None), PX, MPP, tissue="none")
    tiles, loop = lazyslides(path)
    rates = {
        "bare decoding": rate(len(grid), bare(path, grid)),
        "past": rate(len(grid), lambda: ours(slide, grid)),
        "LazySlide": rate(tiles, loop),
    }
    table = Table("", "tiles/s", "of LazySlide's", "of bare decoding", title=f"{len(grid):,} tiles, {WORKERS} workers")
    for name, value in rates.items():
        beside = f"{value / rates['LazySlide']:.1f}", f"{value / rates['bare decoding']:.2f}"
        table.add_row(name, f"{value:,.0f}", *beside)
    Console().print(table)
    faster, of_bare = rates["past"] / rates["LazySlide"], rates["past"] / rates["bare decoding"]
    if faster < FASTER or of_bare < OF_BARE:
        sys.exit(
            f"{faster:.1f} times LazySlide and {of_bare:.2f} of bare decoding: the claim of {FASTER:g} and "
            f"{OF_BARE:g} does not hold"
        )


if __name__ == "__main__":
    main()
