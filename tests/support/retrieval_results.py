"""A run that was judged by `task=retrieval`, as its files say it; the numbers are made up."""

import json
from pathlib import Path
from typing import Any

import numpy as np

METRICS = "step,train/loss,train/ln_batch,val/recall@5/mean,val/recall@5/chance\n9,3.1,3.0,,\n19,2.5,3.0,0.4,0.25\n"


PAIR = {
    **{"scope": "all", "name": "all", "matcher": "PAST", "other": "linear", "k": 5, "difference": 0.125, "p": 0.03},
    **{"low": 0.02, "high": 0.23, "resampled": "blocks", "units": 7, "correlation_length": 2.5},
}


def rows(sections: int = 2, ceiling: float | None = 0.8) -> list[dict[str, Any]]:
    """A table of sections and of all cells."""
    scopes = [*(("section", f"S{i}") for i in range(sections)), ("all", "all")]
    scores: dict[str, Any] = {
        "recall@5/chance": 0.25,
        "recall@5/ceiling": ceiling,
        "recall@5/low": 0.45,
        "recall@5/high": 0.7,
    }
    scores |= {"resampled": "blocks", "units": 7, "correlation_length": 2.5}
    return [
        {"scope": scope, "name": name, "patient": "<C>", "matcher": matcher, "cells": 20.0, "recall@5/mean": mean}
        | scores
        for scope, name in scopes
        for matcher, mean in (("PAST", 0.625), ("linear", 0.5))
    ]


def write_run(directory: Path) -> Path:
    """Write a training's files and its results into `directory`, and return it."""
    results = directory / "results"
    results.mkdir(parents=True)
    (directory / "metrics.csv").write_text(METRICS)
    (directory / "config.yaml").write_text("name: toy <b>\n")
    (results / "retrieval.json").write_text(json.dumps({"task": "retrieval", "rows": rows(), "paired": [PAIR]}))
    hit = np.zeros((2, 5), dtype=bool)
    hit[0, 1] = True
    names = np.array([["tumour"] * 5] * 2)
    crops = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3), dtype=np.uint8)
    np.savez(results / "retrieval_examples.npz", crops=crops, truth=names[:, 0], nearest=names, hit=hit)
    return directory
