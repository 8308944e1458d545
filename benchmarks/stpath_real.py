"""STPath on real tissue beside ridge and the training mean: one animal, or section, held out in turn.

The sections of `als` (three mice) and `her2st` (two patients) become slides of one encoder's features; for every fold
and seed `experiment=stpath_als | stpath_her2st` trains through the entry point, and the last weights are judged, so
that nothing is chosen on the held-out slides. Scores are mean Pearson r over the 50 most variable genes of the training
slides, over the spots of a slide, then over a fold's slides; in context, over several draws of the told spots, beside
zero-shot on the same remaining spots. After ± stands half the range of the seeds; for the gain by the told spots, the
half-width of its 95 % interval over seeds, each of which has draws of its own: it says nothing of other animals.
Needs the sections in PAST_DATA (default ../shared/data).
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from scipy.stats import sem, t
from typer.testing import CliRunner

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import past.train as entry  # noqa: E402
from past.cli.app import app  # noqa: E402
from past.data.shards.slides import SlideSet  # noqa: E402
from past.evaluation.spots.baselines import Baselines  # noqa: E402
from past.evaluation.spots.prediction import ALONE, OURS, SlidePredictor  # noqa: E402
from past.evaluation.statistics.pearson import gene_pearson, mean_where_defined  # noqa: E402
from past.models.stpath.predict import load_stpath  # noqa: E402
from past.models.stpath.samples.statistics import SlideStatistics  # noqa: E402

DATA = Path(os.environ.get("PAST_DATA", ROOT.parent / "shared" / "data"))
FOLDS = {
    "als": [(["652", "765"], ["794"]), (["652", "794"], ["765"]), (["765", "794"], ["652"])],
    "her2st": [(["C2", "C3"], ["C4"]), (["C2", "C3", "C4"], ["B4"])],
}
ORGANS = {"als": "spinal cord", "her2st": "breast"}
GENES, TOLD, DRAWS = 50, 0.05, 20
IN_CONTEXT, SAME = f"STPath, {TOLD:.0%} told", "STPath, the same spots"
COMPONENTS = (48, 256)  # HEST-Bench's 256, or as many as there are features; and fewer, which suits few spots better


def main() -> None:
    """Print a row for each held-out animal or section, and the mean of each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--encoder", default="colour", help="of the slides; as in 'past shards slides'")
    parser.add_argument("--normalise-stain", action="store_true")
    parser.add_argument("--sets", nargs="+", choices=FOLDS, default=list(FOLDS))
    parser.add_argument("overrides", nargs="*", help="of the trainings, as on train.py's command line")
    asked = parser.parse_intermixed_args()
    if not DATA.is_dir():
        print(f"no real sections in {DATA}: set PAST_DATA")
        return
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.sets:
            words = ["--encoder", asked.encoder, *(["--normalise-stain"] if asked.normalise_stain else [])]
            root = Path(folder) / f"{name}_slides"
            sections = sorted(map(str, (DATA / name).glob("*.h5ad")))
            organ = ["--organ", ORGANS[name], "--out", str(root)]
            CliRunner().invoke(app, ["shards", "slides", *sections, *organ, *words], catch_exceptions=False)
            table = [fold(name, root, train, val, asked.seeds, asked.overrides) for train, val in FOLDS[name]]
            show(name, [val for _, val in FOLDS[name]], table)


def fold(
    name: str, root: Path, train: Sequence[str], val: Sequence[str], seeds: int, overrides: Sequence[str]
) -> dict[str, list[float]]:
    """Return each way's score, once for each seed."""
    scores: dict[str, list[float]] = {}
    for seed in range(seeds):
        run = root.parent / "runs" / f"stpath_{name}" / f"without-{'-'.join(val)}-{seed}"
        sides = [f"data.train=[{','.join(train)}]", f"data.val=[{','.join(val)}]"]
        places = [f"data.root={root}", f"output_root={root.parent / 'runs'}", f"run_id={run.name}", f"seed={seed}"]
        words = [f"experiment=stpath_{name}", "callbacks.progress=null", *sides, *places, *overrides]
        with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
            data = entry.train(compose("train", words)).datamodule  # type: ignore[attr-defined]
        found = judge(run, seed, *(SlideSet(side) for side in data.split))
        print(
            f"{name} without {'+'.join(val)}, seed {seed}: "
            + ", ".join(f"{way} {score:.4f}" for way, score in found.items()),
            flush=True,
        )
        for way, score in found.items():
            scores.setdefault(way, []).append(score)
    return scores


def judge(run: Path, seed: int, train: SlideSet, val: SlideSet) -> dict[str, float]:
    """Score a run's last weights, and what they stand beside, on the held-out slides; `seed` is of the told spots."""
    ranked = SlideStatistics.of(train).by_variance()
    genes = [train.index.genes[i] for i in ranked[:GENES]]
    model = load_stpath(run / "checkpoints" / "last.ckpt", device="cpu")
    found: dict[str, list[float]] = {}
    for components in COMPONENTS:
        baselines = Baselines.fit(train, genes, components)
        predict = SlidePredictor(model, baselines, val.index.genes, genes, 4, seed=0)
        for slide in val:
            made = predict(slide, 1.0)
            for way, values in made.predicted.items():
                found.setdefault(way, []).append(mean_pearson(made.truth, values))
    for draw in range(DRAWS):
        predict = SlidePredictor(model, None, val.index.genes, genes, 4, seed=DRAWS * seed + draw)
        for slide in val:
            made = predict(slide, 1 - TOLD)
            for way, values in made.predicted.items():
                named = {OURS: IN_CONTEXT, ALONE: SAME}.get(way, way)
                found.setdefault(named, []).append(mean_pearson(made.truth[made.scored], values[made.scored]))
    return {way: float(np.mean(values)) for way, values in found.items()}


def mean_pearson(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean over the genes that vary; a constant prediction counts 0."""
    return float(mean_where_defined(gene_pearson(truth.astype(np.float64), predicted.astype(np.float64))))


def show(name: str, held: Sequence[Sequence[str]], table: Sequence[dict[str, list[float]]]) -> None:
    """Print way × held-out side, and the mean over sides."""
    print(f"{name:28s}" + "".join(f"{'+'.join(val):>18s}" for val in held) + f"{'mean':>18s}")
    for way in table[0]:
        show_row(way, [np.array(of[way]) for of in table], lambda scores: np.ptp(scores) / 2)
    gains = [np.subtract(of[IN_CONTEXT], of[SAME]) for of in table]
    show_row(f"gain by {TOLD:.0%} told", gains, lambda gain: t.ppf(0.975, len(gain) - 1) * sem(gain))


def show_row(way: str, sides: Sequence[np.ndarray], spread: Callable[[np.ndarray], float]) -> None:
    """Print the mean over seeds ± `spread` of each side's scores (seeds,), and of their mean over sides."""
    cells = [*sides, np.mean(sides, axis=0)]
    print(f"{way:28s}" + "".join(f"{np.mean(cell):10.4f} ±{spread(cell):.4f}" for cell in cells), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
