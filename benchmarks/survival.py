"""Survival of three TCGA cohorts from measured expression: our molecules model beside ridge Cox, age and sex.

For each cohort (BLCA, COADREAD, STAD) and end point (disease-specific and overall survival) `experiment=
survival_molecules` trains in the five published folds, once a seed, through the entry point; `task=survival` judges the
last weights on the patients that each fold held out, and its table is printed: Harrell's C, mean over folds and seeds,
deviation of the folds, 95 % intervals by resampling patients. No setting is chosen in this run; the recipe's were tuned
by inner validation over all folds. Needs the cohorts in PAST_DATA (default ../shared/data).
"""

import argparse
import json
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import past.evaluate as judge  # noqa: E402
import past.train as entry  # noqa: E402

DATA = Path(os.environ.get("PAST_DATA", ROOT.parent / "shared" / "data")) / "survival"
COHORTS, END_POINTS, FOLDS = ("blca", "coadread", "stad"), {"DSS": "_dss", "OS": ""}, range(5)


def main() -> None:
    """Print a table a cohort and end point, and the mean of all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--cohorts", nargs="+", choices=COHORTS, default=COHORTS)
    parser.add_argument("--out", help="keeps the runs and their pages there")
    parser.add_argument("overrides", nargs="*", help="of the trainings, as on train.py's command line")
    asked = parser.parse_intermixed_args()
    if not DATA.is_dir():
        print(f"no cohorts in {DATA}: set PAST_DATA")
        return
    with tempfile.TemporaryDirectory() as folder:
        root = Path(asked.out or folder)
        tables = {
            (cohort, end_point): judged(root, cohort, end_point, asked.seeds, asked.overrides)
            for cohort in asked.cohorts
            for end_point in END_POINTS
        }
    show(tables)


def judged(root: Path, cohort: str, end_point: str, seeds: int, overrides: list[str]) -> dict[str, Any]:
    """Return what `task=survival` says of a cohort and end point."""
    name = f"{cohort}_{end_point}"
    column = END_POINTS[end_point]
    words = [
        "experiment=survival_molecules", f"data.root={DATA}/{cohort}.csv", f"output_root={root}", f"name={name}",
        f"data.samples.folds='{DATA}/{cohort}_fold_{{fold}}.csv'", f"data.samples.gene_sets={DATA}/hallmarks.csv",
        f"data.samples.expression={DATA}/rna_{cohort}.csv.gz", f"data.samples.columns.time=survival_months{column}",
        "data.samples.columns.event=null", f"data.samples.columns.censorship=censorship{column}",
        "data.samples.columns.covariates=[age,is_female]", "data.samples.columns.missing=mean",
        "trainer=cpu", "callbacks.progress=null", "callbacks.last.every=100000", *overrides,
    ]  # fmt: skip
    for seed in range(seeds):
        for fold in FOLDS:
            own = [f"run_id={seed}-{fold}", f"seed={seed}", f"data.samples.fold={fold}"]
            with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
                entry.train(compose("train", [*words, *own]))
    place = [f"output_root={root}", f"name={name}", "run_id=null"]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        results = judge.evaluate(compose("evaluate", ["task=survival", *place]))
    return json.loads((results / "survival.json").read_text())


def show(tables: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Print C of every way, how far the model leads each, and means over cohorts and end points."""
    print(f"\n{'':34s}" + "".join(f"{f'{cohort} {end}':>28s}" for cohort, end in tables) + f"{'mean':>8s}")
    rows = [{row["by"]: row for row in table["rows"] if row["fold"] == "all"} for table in tables.values()]
    print(
        f"{'patients (events)':34s}"
        + "".join(f"{row['model']['patients']:>20d} ({row['model']['events']})  " for row in rows)
    )
    for by in rows[0]:
        cells = [
            f"{row[by]['c']:.3f} ±{row[by]['c/std']:.3f} [{row[by]['c/low']:.2f}, {row[by]['c/high']:.2f}]"
            for row in rows
        ]
        print(
            f"{by:34s}" + "".join(f"{cell:>28s}" for cell in cells) + f"{np.mean([row[by]['c'] for row in rows]):8.4f}"
        )
    print("the model's lead on")
    pairs = [{pair["other"]: pair for pair in table["paired"] if pair["score"] == "c"} for table in tables.values()]
    for other in pairs[0]:
        leads = [own[other] for own in pairs]
        cells = [f"{one['difference']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]" for one in leads]
        print(
            f"{other:34s}"
            + "".join(f"{cell:>28s}" for cell in cells)
            + f"{np.mean([one['difference'] for one in leads]):+8.4f}"
        )


if __name__ == "__main__":
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    main()
