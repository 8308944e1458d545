"""Both models on sections that nobody looked at while they were made; no setting is changed for them.

Takes any folder of sections (`.h5ad` beside their pictures) of two patients or more. For each patient in turn
`experiment=past_her2st` and `experiment=stpath_her2st` train on the others, and their last weights are judged on this
one by `task=retrieval` and `task=zero_shot`. A row is a section and a model: its score, that of what stands beside it
(a linear map; HEST-Bench's ridge), and the difference with its 95 % interval over blocks of the section. Look at the
table once and change nothing after it, or the sections have been looked at.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Print a row for each held-out section and model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="of sections; without it nothing is run")
    parser.add_argument("--organ", help="of the sections, in STPath's words")
    parser.add_argument("--only", nargs="+", help="sections to show, where others were looked at before")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    if asked.folder is None or asked.organ is None:
        print("give a folder of sections and --organ: only you know which sections nobody has looked at")
        return
    with tempfile.TemporaryDirectory() as folder:
        rows = list(_rows(asked.folder, asked.organ, asked.seed, Path(folder)))
    table = pd.DataFrame(rows)
    if asked.only:
        table = table[table["section"].isin(asked.only)]
    print(table.to_string(index=False, float_format="%.3f"))


def _rows(sections: Path, organ: str, seed: int, folder: Path) -> Iterator[dict[str, Any]]:
    files = sorted(map(str, sections.glob("*.h5ad")))
    cells, slides = folder / "cells", folder / "slides"
    past = str(Path(sys.executable).with_name("past"))
    _run(past, "shards", "anndata", *files, "--out", str(cells))
    _run(past, "shards", "slides", *files, "--organ", organ, "--encoder", "colour", "--out", str(slides))
    shards = json.loads((cells / "index.json").read_text())["shards"]
    for patient in sorted({patient for shard in shards for patient in shard["patients"]}):
        for task, root, read in (("retrieval", cells, _recall), ("zero_shot", slides, _pearson)):
            name = {"retrieval": "past_her2st", "zero_shot": "stpath_her2st"}[task]
            run = [f"output_root={folder / 'runs'}", f"run_id={patient}"]
            sides = [f"data.root={root}", "data.train=null", f"data.val=['{patient}']", f"seed={seed}"]
            _run(sys.executable, "train.py", f"experiment={name}", "callbacks.progress=null", *sides, *run)
            _run(sys.executable, "evaluate.py", f"task={task}", f"name={name}", "ckpt=last", *run)
            yield from read(json.loads((folder / "runs" / name / patient / "results" / f"{task}.json").read_text()))


def _run(*words: str) -> None:
    print("…", *words, file=sys.stderr)
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(words)}\n{done.stdout}\n{done.stderr}")


def _recall(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    ours, linear = (
        {row["name"]: row for row in found["rows"] if row["matcher"] == name} for name in ("PAST", "linear")
    )
    for pair in found["paired"]:
        if pair["scope"] == "section" and pair["k"] == 5:
            name = pair["name"]
            scores = ours[name]["recall@5/mean"], linear[name]["recall@5/mean"]
            yield _row(name, "PAST, recall@5", "linear map", scores, pair)


def _pearson(found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    top = found["tops"][0]
    scores = {(row["name"], row["by"]): row[f"pearson@{top}"] for row in found["rows"]}
    for pair in found["paired"]:
        name, ours, other = pair["task"], pair["encoder"], pair["other"]
        if name != "all" and other.startswith("ridge"):
            pair = {**pair, "difference": pair["mean_difference"]}
            yield _row(name, f"STPath, r of {top} genes", other, (scores[name, ours], scores[name, other]), pair)


def _row(section: str, what: str, other: str, scores: tuple[float, float], pair: dict[str, Any]) -> dict[str, Any]:
    ends = {end: pair[end] for end in ("difference", "low", "high")}
    units = f"{pair['units']} {pair['resampled']}"
    return {
        "section": section,
        "model": what,
        "its": scores[0],
        "beside": other,
        "other's": scores[1],
        **ends,
        "over": units,
    }


if __name__ == "__main__":
    main()
