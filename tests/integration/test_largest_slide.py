"""A whole slide of 100,000 × 100,000 px, most of it never written: features and prediction within 1 GiB."""

import json
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
SIDE, FACTORS = 100_000, (1, 4, 16)
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
embedder = SlideEmbedder(FrozenEncoder(Eight(), device="cpu"), "eight", TileSettings(tissue=sys.argv[3]))
before, start = memory("VmRSS"), time.monotonic()
slide, there = embedder(CohortSlide(path, "a"), folder / "a.h5")
predict_features(predictor, slide, "a", folder / "a.h5", "eight", out=folder / "a.h5ad")
said = {"tiles": there.tiles, "MiB": memory("VmHWM") - before, "seconds": time.monotonic() - start}
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def slide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The slide, with what holds tissue written only."""
    path = tmp_path_factory.mktemp("largest") / "a.svs"

    def laid(factor: int) -> Iterator[bytes]:
        tiles = tissue_tiles(TILE, factor)
        order = np.random.default_rng(factor)
        across = -(-(SIDE // factor) // TILE)
        left, top, right, bottom = (edge // factor // TILE for edge in TISSUE)
        for row in range(across):
            for column in range(across):
                within = left <= column < right and top <= row < bottom
                yield tiles[order.integers(KINDS)] if within else b""

    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for factor in FACTORS:
            edge = SIDE // factor
            file.write(
                laid(factor), shape=(edge, edge, 3), dtype=np.uint8, tile=(TILE, TILE), photometric="ycbcr",
                compression="jpeg", description=aperio(0.25), metadata=None,
            )  # fmt: skip
    return path


@pytest.mark.parametrize(("tissue", "tiles"), [("find", 3_000), ("none", 50_000)])
def test_a_slide_of_any_size_fits_into_little_memory(slide: Path, tmp_path: Path, tissue: str, tiles: int) -> None:
    asked = [sys.executable, "-c", MEASURE, str(slide), str(tmp_path), tissue]
    run = subprocess.run(asked, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout)
    print(said)  # measured: 727 MiB of 3,433 tiles, 935 of 50,176
    assert said["tiles"] > tiles
    assert said["MiB"] < MOST
