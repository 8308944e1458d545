"""What reading crops in the order of the image is worth: crops/s beside reading each alone, at random, as published.

A slide as dense as real ones (a cell in 8,000 px) is written into bench/ once. One core; ratios are what counts.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from scipy.sparse import csr_matrix

from past.base.foreign.tiff import open_tiff
from past.base.pictures import reading_order
from past.data.shards.records import Section
from past.data.sources.tissue import TissueSection

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
from whole_slides import scattered, write_slide

PX, MPP, SLIDE_MPP, PER_CELL = 224, 0.5, 0.2738, 8_000
FASTER = 20.0  # the claim, at either scale


def alone(path: Path, centres: np.ndarray, scale: float) -> Iterator[np.ndarray]:
    """Cut each crop alone: the file opened, its window read through tifffile's Zarr view, resized."""
    import tifffile
    import zarr

    side = round(PX * scale)
    for x, y in centres.astype(int):
        with tifffile.TiffFile(path) as file:
            store = file.series[0].aszarr(level=0)
            pixels = zarr.open_array(store, mode="r")[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2]
        yield np.asarray(Image.fromarray(np.asarray(pixels)).resize((PX, PX), Image.Resampling.LANCZOS))


def in_order(path: Path, centres: np.ndarray, mpp: float | None) -> Iterator[np.ndarray]:
    """Cut crops as `past shards` does."""
    picture = open_tiff(path)
    centres = centres[reading_order(picture, centres)]
    cells = len(centres)
    tissue = TissueSection(
        section=Section("S", "P", "breast", "Xenium", "Homo sapiens"),
        image=picture,
        mpp=SLIDE_MPP,
        centres=centres,
        counts=csr_matrix(np.ones((cells, 1))),
        names=[str(i) for i in range(cells)],
    )
    return (record.crop for record in tissue.records(px=PX, mpp=mpp, neighbours=0))


def rate(crops: Callable[[], Iterator[np.ndarray]]) -> float:
    """Return crops/s."""
    start = time.perf_counter()
    return sum(1 for _ in crops()) / (time.perf_counter() - start)


def main() -> None:
    """Write the slide unless it is there, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=12_288, help="of the slide, px")
    parser.add_argument("--alone", type=int, default=150, help="crops read alone")
    parser.add_argument("--folder", type=Path, default=Path("bench"))
    given = parser.parse_args()
    path = given.folder / f"slide-{given.side}.ome.tif"
    if not path.is_file():
        given.folder.mkdir(exist_ok=True)
        write_slide(path.with_suffix(".part"), given.side)
        path.with_suffix(".part").rename(path)
    centres = scattered(given.side**2 // PER_CELL, given.side)
    few = centres[(centres > PX).all(axis=1) & (centres < given.side - PX).all(axis=1)][: given.alone]
    table = Table(
        "crops", "alone, crops/s", "in order, crops/s", "times", title=f"{given.side:,} px², {len(centres):,} cells"
    )
    ratios = []
    for words, mpp in (("native", None), (f"{MPP} µm/px", MPP)):
        scale = 1.0 if mpp is None else mpp / SLIDE_MPP
        slow, fast = rate(lambda s=scale: alone(path, few, s)), rate(lambda m=mpp: in_order(path, centres, m))
        ratios.append(fast / slow)
        table.add_row(words, f"{slow:,.0f}", f"{fast:,.0f}", f"{fast / slow:,.1f}")
    Console().print(table)
    if min(ratios) < FASTER:
        sys.exit(f"reading in order is {min(ratios):.1f} times faster: the claim of {FASTER:g} does not hold")


if __name__ == "__main__":
    main()
