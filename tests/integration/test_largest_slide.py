"""A whole slide of 100,000 × 100,000 px, most of it never written: features and prediction within 1 GiB."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from whole_slides import KINDS, TILE, aperio, tissue_tiles

tifffile = pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
pytest.importorskip("lazyslide", reason="the extra 'wsi' is not installed")
pytestmark = pytest.mark.slow
FACTORS = (1, 4, 16)
TISSUE = (30_000, 30_000, 72_000, 60_000)  # px: left, top, right, bottom
MOST = 1024  # MiB beyond the model
MEASURE = """
import json, sys, time
from pathlib import Path
import torch
from whole_slides import Eight
from past.models.stpath.predict import load_stpath
from past.models.stpath.model import STPath
from past.models.stpath.vocabulary import GeneVocabulary
from past.models.stpath.whole_slide import predict_features
from past.checkpoints.saved import Saved, save_model
from past.slides.cohort import CohortSlide
from past.slides.embedder import SlideEmbedder, TileSettings
from past.slides.frozen_encoder import FrozenEncoder

def memory(word):  # not ru_maxrss: that also counts the process which started this one
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(word)) / 1024

path, folder = Path(sys.argv[1]), Path(sys.argv[2])
torch.set_num_threads(1)
torch.manual_seed(0)
genes = GeneVocabulary({f"G{i}": f"G{i}" for i in range(8)})
save_model(folder / "stpath", Saved(STPath(genes.tokens, features=8, dim=16, depth=1, heads=2), genes.state()))
predictor = load_stpath(folder / "stpath", device="cpu")
encoder = FrozenEncoder(Eight(), device="cpu")
embedder = SlideEmbedder(lambda: encoder, "eight", None, TileSettings(tissue=sys.argv[3]))
before, start = memory("VmRSS"), time.monotonic()
slide, there = embedder(CohortSlide(path, "a"), folder / "a.h5")
predict_features(predictor, slide, "a", folder / "a.h5", "eight", out=folder / "a.h5ad")
said = {"tiles": there.tiles, "MiB": memory("VmHWM") - before, "seconds": time.monotonic() - start}
print(json.dumps(said))
"""


def written(path: Path, side: int) -> Path:
    """Write the slide, with what holds tissue only."""

    def laid(factor: int) -> Iterator[bytes]:
        tiles = tissue_tiles(TILE, factor)
        order = np.random.default_rng(factor)
        across = -(-(side // factor) // TILE)
        left, top, right, bottom = (edge // factor // TILE for edge in TISSUE)
        for row in range(across):
            for column in range(across):
                within = left <= column < right and top <= row < bottom
                yield tiles[order.integers(KINDS)] if within else b""

    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for factor in FACTORS:
            edge = side // factor
            file.write(
                laid(factor), shape=(edge, edge, 3), dtype=np.uint8, tile=(TILE, TILE), photometric="ycbcr",
                compression="jpeg", description=aperio(0.25), metadata=None,
            )  # fmt: skip
    return path


# of all 50,176 tiles of the larger one 935 MiB were measured, in two minutes: here fewer
@pytest.mark.parametrize(("side", "tissue", "tiles"), [(100_000, "find", 3_000), (48_000, "none", 11_000)])
def test_a_slide_of_any_size_fits_into_little_memory(tmp_path: Path, side: int, tissue: str, tiles: int) -> None:
    slide = written(tmp_path / "a.svs", side)
    asked = [sys.executable, "-c", MEASURE, str(slide), str(tmp_path), tissue]
    run = subprocess.run(
        asked, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    print(said)
    assert said["tiles"] > tiles
    assert said["MiB"] < MOST
