"""A benchmark of three samples of two patients in HEST-Bench's layout, with redness telling the first gene."""

import json
from collections.abc import Mapping
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from past.base.runs import Run
from past.evaluation.hest.layout import read_task
from past.evaluation.hest.spots import FoldData, TaskData
from past.evaluation.hest.task import Compared, HestBench
from past.evaluation.results import Results
from past.nn.colour import ColourGrid
from past.slides.tiles import write_patches

GENES = tuple(f"G{i}" for i in range(6))
SPOTS = 30
PX = 16


def write_sample(folder: Path, name: str, seed: int, spots: int = SPOTS, genes: tuple[str, ...] = GENES) -> None:
    rng = np.random.default_rng(seed)
    state = rng.uniform(0.2, 1, spots)
    images = rng.integers(60, 200, (spots, PX, PX, 3), dtype=np.uint8)
    images[..., 0] = (80 + 150 * state).astype(np.uint8)[:, None, None]
    barcodes = [f"{name}-{i}" for i in range(spots)]
    coords = np.stack([np.arange(spots) % 6, np.arange(spots) // 6], axis=1) * 100
    write_patches(folder / "patches" / f"{name}.h5", images, coords, barcodes)
    counts = rng.poisson(3, (spots, len(genes)))
    counts[:, 0] = rng.poisson(20 * state)
    order = rng.permutation(spots)  # as in the real ones, rows lie in another order than the patches
    adata = anndata.AnnData(
        csr_matrix(counts[order].astype(np.float32)),
        obs=pd.DataFrame(index=pd.Index(np.array(barcodes)[order].tolist(), dtype=object)),
        var=pd.DataFrame(index=pd.Index(list(genes), dtype=object)),
    )
    (folder / "adata").mkdir(exist_ok=True)
    adata.write_h5ad(folder / "adata" / f"{name}.h5ad")


def write_split(folder: Path, name: str, samples: list[str]) -> None:
    (folder / "splits").mkdir(parents=True, exist_ok=True)
    rows = [f"{sample},patches/{sample}.h5,adata/{sample}.h5ad" for sample in samples]
    (folder / "splits" / f"{name}.csv").write_text("\n".join(["sample_id,patches_path,expr_path", *rows]) + "\n")


def write_task(root: Path, name: str = "IDC") -> Path:
    """Write samples A, B, C and three folds, each with one of them as the test."""
    folder = root / name
    for i, sample in enumerate("ABC"):
        write_sample(folder, sample, seed=i)
        write_split(folder, f"train_{i}", [other for other in "ABC" if other != sample])
        write_split(folder, f"test_{i}", [sample])
    (folder / "var_50genes.json").write_text(json.dumps({"genes": list(GENES)}))
    return folder


def judge(
    bench: HestBench,
    encoders: Mapping[str, object],
    out: Path,
    about: Mapping[str, object] | None = None,
    presets: Mapping[str, object] | None = None,
) -> None:
    """Run the benchmark as evaluate.py does, on encoders that are built already."""
    given = Compared(Run(out, "hest_bench", "one"), bench.compared(encoders), presets or {})
    bench(given, Results(out, bench.name, bench.origin(given), about))


def run(
    root: Path, encoders: Mapping[str, object] | None = None, out: Path | None = None, **settings: object
) -> tuple[Path, dict]:
    """Run the benchmark below `root` and return its results folder and its summary."""
    out = out or root / "results"
    bench = HestBench(root, root / "cache", **{"components": 4, "mean_colour_removed": False, **settings})  # type: ignore[arg-type]
    judge(bench, encoders or {"two": ColourGrid(2)}, out)
    return out, json.loads((out / "hest_bench.json").read_text())


def fold_of(root: Path, number: int) -> FoldData:
    """Return a fold of the task IDC below `root`, read."""
    task = read_task(root / "IDC")
    return TaskData(task, []).fold(task.folds[number])
