"""`report.html` of a run: one file, readable without a network."""

from pathlib import Path

import pandas as pd

from past.base.errors import DataError
from past.base.files import write_atomically
from past.base.runs import Run
from past.evaluation.spots.page import slide_blocks
from past.report.blocks import Block, as_table, page, picture
from past.report.plots import read_rows, recall_bars, retrieval_examples, training_curves


def write_report(directory: Path) -> Path:
    """Draw what a run's directory holds into `<directory>/report.html` and return its path.

    Raises:
        DataError: nothing to report there.
    """
    run = Run(directory.parent.parent, directory.parent.name, directory.name)
    blocks = [*_training(run.directory / "metrics.csv"), *_retrieval(run.results), *slide_blocks(run.results)]
    if not blocks:
        raise DataError(f"{directory}: no metrics.csv and no results there; give the directory of a run")
    if run.config.is_file():
        blocks.append(Block("Configuration", code=run.config.read_text()))
    target = run.directory / "report.html"
    write_atomically(target, page(f"{directory.parent.name} / {directory.name}", str(len(blocks)) + " parts", blocks))
    return target


def _training(path: Path) -> list[Block]:
    if not path.is_file():
        return []
    return [Block("Training", image=picture(training_curves(pd.read_csv(path))))]


def _retrieval(results: Path) -> list[Block]:
    path = results / "retrieval.json"
    if not path.is_file():
        return []
    rows = read_rows(path)
    recall = [column for column in rows.columns if "@" in column and "mean" in column]
    shown = rows.loc[:, ["scope", "name", "patient", "matcher", "cells", *recall]].astype({"cells": int})
    text = "Recall@k of a pair within its section, the mean of both directions; beside chance, and a linear map."
    return [
        Block("Retrieval", text=text, table=as_table(shown, decimals=3)),
        Block("Recall by section", image=picture(recall_bars(rows, 5))),
        Block("What a crop finds", image=picture(retrieval_examples(results / "retrieval_examples.npz"))),
    ]
