"""A whole slide of 40,000 × 40,000 px with 200,000 cells: exact crops, bounded memory, each tile read once."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from platforms import Bundle, write_xenium
from whole_slides import TILE, scattered, write_slide

from past.base.crops import exact_scale
from past.data.sources.xenium import XeniumSource

tifffile = pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
pytestmark = pytest.mark.slow
SIDE, CELLS = 40_000, 200_000
SLIDE_MPP = 0.2738
MEASURE = """
import json, sys
from pathlib import Path
from past.data.sources.xenium import XeniumSource
source = XeniumSource(Path(sys.argv[1]))
tissue = source.open(source.genes())
tissue.check()
decoded = 0
inner = tissue.image.read
def counted(row, column):
    global decoded
    decoded += 1
    return inner(row, column)
tissue.image.read = counted
for record in tissue.records(px=224, mpp=None, neighbours=8):
    pass
native = decoded
for count, record in enumerate(tissue.records(px=224, mpp=0.5, neighbours=8)):
    if count == 20_000:
        break
# not ru_maxrss: that also counts the process which started this one
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"cells": len(tissue), "decoded": native, "peak": peak}))
"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle on disk; its alignment only scales."""
    places = scattered(CELLS, SIDE) * SLIDE_MPP
    alignment = np.diag([SLIDE_MPP / 0.2125, SLIDE_MPP / 0.2125, 1.0])
    counts = np.random.default_rng(0).poisson(2.0, (CELLS, 8)).astype(np.uint8)
    counts[:, 0] += 1
    names = [f"{''.join(chr(97 + int(digit, 16)) for digit in f'{i:08x}')}-1" for i in range(CELLS)]
    folder = tmp_path_factory.mktemp("large") / "run"
    write_xenium(folder, Bundle(places, counts, names, alignment), image=False)
    write_slide(folder / "run_he_image.ome.tif", SIDE)
    np.savetxt(folder / "run_he_imagealignment.csv", alignment, delimiter=",", fmt="%.17g")
    return folder


def test_crops_equal_a_direct_read(bundle: Path) -> None:
    import zarr

    source = XeniumSource(bundle)
    tissue = source.open(source.genes())
    with tifffile.TiffFile(bundle / "run_he_image.ome.tif") as file:
        pixels = zarr.open_array(file.series[0].aszarr(level=0), mode="r")
        scale = exact_scale(0.5 / tissue.mpp)
        for i in np.random.default_rng(1).permutation(np.flatnonzero(inner(tissue.centres)))[:100].tolist():
            x, y = tissue.centres[i]
            left, top = (int(np.floor(place - 112 + 0.5)) for place in (x, y))
            native = next(tissue.records(px=224, mpp=None, neighbours=0, start=i)).crop
            np.testing.assert_array_equal(native, pixels[top : top + 224, left : left + 224])
            scaled = next(tissue.records(px=224, mpp=0.5, neighbours=0, start=i)).crop
            corner = np.floor(tissue.centres[i] / scale - 112 + 0.5)
            box = np.concatenate([corner, corner + 224])
            x0, y0 = (np.floor(box[:2] * scale) - 8).astype(int).tolist()
            around = Image.fromarray(np.asarray(pixels[y0 : y0 + 440, x0 : x0 + 440]))
            within = tuple((box * scale - (x0, y0, x0, y0)).tolist())
            direct = around.resize((224, 224), Image.Resampling.LANCZOS, box=within)
            np.testing.assert_array_equal(scaled, np.asarray(direct))


def inner(centres: np.ndarray) -> np.ndarray:
    """Whether a cell is far enough from the edge for a plain window."""
    return ((centres > 300) & (centres < SIDE - 300)).all(axis=1)


def test_every_tile_is_read_once_in_little_memory(bundle: Path) -> None:
    run = subprocess.run([sys.executable, "-c", MEASURE, str(bundle)], capture_output=True, text=True, check=True)
    said = json.loads(run.stdout)
    assert said["cells"] == CELLS
    assert said["decoded"] == (-(-SIDE // TILE)) ** 2
    assert said["peak"] * 1024 < 1.5e9  # kB in /proc are KiB
