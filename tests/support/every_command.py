"""Every command that writes, at the smallest size, from inputs of its own; run as a program: all of them, in turn.

python every_command.py FOLDER train|predict
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import anndata
import h5py
import numpy as np
import torch
from PIL import Image
from released_stpath import SYMBOLS
from tiny_training import composed, train_tiny
from whole_slides import section, write_svs

import past.evaluate as entry
from past.checkpoints.saved import Saved, save_model
from past.cli.app import app
from past.config import frozen_encoder
from past.models.stpath.model import STPath
from past.models.stpath.published import to_published
from past.models.stpath.vocabulary import GeneVocabulary

SPOTS = 24


def past(*words: object) -> None:
    """Run a command; its errors are raised."""
    app([*map(str, words)], standalone_mode=False)


def write_sections(folder: Path) -> list[Path]:
    """Two sections of two patients, AnnData beside an image."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for patient in ("P1", "P2"):
        rng = np.random.default_rng(len(paths))
        adata = anndata.AnnData(rng.poisson(3, (SPOTS, 8)).astype(np.float32))
        adata.var_names = [f"G{i}" for i in range(8)]
        adata.obsm["spatial"] = rng.uniform(20, 180, (SPOTS, 2))
        adata.uns["meta"] = {
            "um_per_px": 1.0, "patient": patient, "organism": "human", "tissue": "breast", "platform": "ST",
        }  # fmt: skip
        with h5py.File(folder / f"{patient}.h5ad", "w", locking=False) as file:
            anndata.io.write_elem(file, "/", adata)
        Image.fromarray((np.array([210, 130, 180]) + rng.integers(-15, 15, (200, 200, 3))).astype(np.uint8)).save(
            folder / f"{patient}.png"
        )
        paths.append(folder / f"{patient}.h5ad")
    return paths


def write_stpath(folder: Path, width: int = 16) -> tuple[Path, Path, Path]:
    """A tiny STPath as released, its gene list, and a slide's features."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    model = STPath(len(SYMBOLS) + 1, features=8, dim=width, depth=1, heads=2)
    torch.save(to_published(model), folder / "stfm.pth")
    (folder / "symbol2ensembl.json").write_text(json.dumps(SYMBOLS))
    with h5py.File(folder / "f.h5", "w", locking=False) as file:
        file["features"] = np.random.default_rng(0).standard_normal((SPOTS, 8)).astype(np.float32)
        file["coords"] = np.random.default_rng(1).integers(0, 5000, (SPOTS, 2))
    return folder / "stfm.pth", folder / "symbol2ensembl.json", folder / "f.h5"


def write_slide_stpath(folder: Path) -> Path:
    """A tiny STPath of the features that `slide_words` asks for."""
    genes, width = GeneVocabulary(SYMBOLS), frozen_encoder("grid", None, "cpu").width(32)
    torch.manual_seed(0)
    model = STPath(genes.tokens, features=width, dim=16, depth=1, heads=2)
    save_model(folder, Saved(model, genes.state(), {"encoder": "grid"}))
    return folder


def slide_words(folder: Path) -> tuple[object, ...]:
    """A slide, written where there is none, and how it is tiled and embedded."""
    folder.mkdir(parents=True, exist_ok=True)
    slide = folder / "slide.svs"
    if not slide.is_file():
        write_svs(slide, section(1200, 800), factors=(1,))
    how = ("--tile-px", 32, "--tissue", "none", "--encoder", "grid", "--device", "cpu", "--batch-size", 16)
    return slide, *how


def shards(out: Path, *words: object) -> Path:
    past("shards", "synthetic", "--patients", 3, "--cells", 40, "--px", 32, "--out", out, *words)
    return out


def make_bench(sections: Sequence[Path], out: Path) -> Path:
    past("bench-from", "anndata", *sections, "--task", "T", "--genes", 5, "--out", out)
    return out


def judge_bench(bench: Path, out: Path, *words: str) -> Path:
    """Compare one encoder on a benchmark; its features are kept in `out`/features."""
    settings = ("task.components=4", "task.device=cpu", "task.batch_size=8")
    asked = ("task=hest_bench", "encoder=grid", f"task.root={bench}", f"output_root={out}", *settings, *words)
    return entry.evaluate(composed("evaluate", *asked), "grid")


def judge_run(root: Path, run_id: str, *words: str) -> Path:
    asked = ("task=retrieval", f"output_root={root}", "name=tiny", f"run_id={run_id}", *words)
    return entry.evaluate(composed("evaluate", *asked))


def train(data: Path | str, root: Path, run_id: str, *words: str) -> Path:
    train_tiny(data, root, run_id, *words)
    os.environ.pop("PAST_RUN_ID", None)
    return root / "tiny" / run_id


def walk_to_train(root: Path) -> None:
    """Cells to shards, a training on them, its results; what goes on, or is the same again, twice."""
    cells = shards(root / "cells", "--workers", 2)
    past("verify", cells)
    runs = root / "runs"
    for epochs in (1, 2):  # the second goes on from the first
        run = train(cells, runs, "local", f"trainer.max_epochs={epochs}")
    remote = ("data.num_workers=1", f"data.cache={root / 'cache'}", "trainer.max_epochs=1")
    train(cells.as_uri(), runs, "remote", *remote)
    for _ in range(2):
        judge_run(runs, "local")
    past("report", run)


def walk_to_predict(root: Path) -> None:
    """A released model, its predictions; sections to slides, and to a benchmark that is judged twice; a whole slide."""
    past("synthetic-slide", "--across", 1, "--down", 1, "--cells", 4, "--out", root / "slide.tiff")
    weights, genes, features = write_stpath(root / "released")
    past("import", "stpath", weights, "--genes", genes, "--out", root / "stpath")
    past("export", "stpath", root / "stpath", "--out", root / "exported")
    past("predict", "--features", features, "--weights", root / "stpath", "--out", root / "predicted.h5ad")
    sections = write_sections(root / "sections")
    past("shards", "anndata", *sections, "--px", 32, "--out", root / "previews", "--preview")
    past("shards", "slides", *sections, "--px", 32, "--encoder", "grid", "--out", root / "slides")
    trained = write_slide_stpath(root / "slide_stpath")
    for _ in range(2):  # the second finds what the first made
        past("embed", *slide_words(root), "--out", root / "embedded")
        past("predict", *slide_words(root), "--weights", trained, "--out", root / "predicted")
    bench = make_bench(sections, root / "bench")
    for _ in range(2):
        judge_bench(bench, root / "runs")


if __name__ == "__main__":
    torch.set_num_threads(1)
    {"train": walk_to_train, "predict": walk_to_predict}[sys.argv[2]](Path(sys.argv[1]))
