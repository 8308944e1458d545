"""`report.html` of a run: one file, readable without a network."""

import base64
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import jinja2
import pandas as pd
from matplotlib.figure import Figure

from past.errors import DataError
from past.files import write_atomically
from past.report.plots import png, read_rows, recall_bars, retrieval_examples, training_curves
from past.runs import Run


@dataclass(frozen=True)
class Block:
    """A titled part of the page: any of a sentence, a table (HTML), a PNG (base64), a listing."""

    title: str
    text: str = ""
    table: str = ""
    image: str = ""
    code: str = ""


def picture(figure: Figure) -> str:
    """Return a figure as base64 PNG."""
    return base64.b64encode(png(figure)).decode()


def page(title: str, subtitle: str, sections: list[Block]) -> str:
    """Fill the template."""
    template = files("past.report").joinpath("template.html").read_text()
    return jinja2.Template(template, autoescape=True).render(title=title, subtitle=subtitle, sections=sections)


def write_report(directory: Path) -> Path:
    """Draw what a run's directory holds into `<directory>/report.html` and return its path.

    Raises:
        DataError: nothing to report there.
    """
    run = Run(directory.parent.parent, directory.parent.name, directory.name)
    blocks = [*_training(run.directory / "metrics.csv"), *_retrieval(run.results)]
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
    shown = rows[["scope", "name", "patient", "matcher", "cells", *(c for c in rows if "@" in c and "mean" in c)]]
    text = "Recall@k of a pair within its section, the mean of both directions; beside chance, and a linear map."
    return [
        Block(
            "Retrieval",
            text=text,
            table=shown.astype({"cells": int}).to_html(index=False, float_format="{:.3f}".format, border=0),
        ),
        Block("Recall by section", image=picture(recall_bars(rows, 5))),
        Block("What a crop finds", image=picture(retrieval_examples(results / "retrieval_examples.npz"))),
    ]
