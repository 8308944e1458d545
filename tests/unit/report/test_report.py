"""A run's page: drawn from its files, whole in one file, nothing fetched."""

import base64
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from PIL import Image
from rich.console import Console

from past.base.errors import DataError
from past.report.blocks import Block, page
from past.report.html import write_report
from past.report.plots import png, recall_bars, training_curves
from past.report.screen import show

METRICS = "step,train/loss,train/ln_batch,val/recall@5/mean,val/recall@5/chance\n9,3.1,3.0,,\n19,2.5,3.0,0.4,0.25\n"


def rows(sections: int = 2, ceiling: float | None = 0.8) -> list[dict[str, Any]]:
    """A table of sections and of all cells."""
    scopes = [*(("section", f"S{i}") for i in range(sections)), ("all", "all")]
    scores = {"recall@5/chance": 0.25, "recall@5/ceiling": ceiling}
    return [
        {"scope": scope, "name": name, "patient": "<C>", "matcher": matcher, "cells": 20.0, "recall@5/mean": mean}
        | scores
        for scope, name in scopes
        for matcher, mean in (("PAST", 0.625), ("linear", 0.5))
    ]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    results = tmp_path / "toy/first/results"
    results.mkdir(parents=True)
    (results.parent / "metrics.csv").write_text(METRICS)
    (results.parent / "config.yaml").write_text("name: toy <b>\n")
    (results / "retrieval.json").write_text(json.dumps({"task": "retrieval", "rows": rows()}))
    hit = np.zeros((2, 5), dtype=bool)
    hit[0, 1] = True
    names = np.array([["tumour"] * 5] * 2)
    crops = np.random.default_rng(0).integers(0, 255, (2, 8, 8, 3), dtype=np.uint8)
    np.savez(results / "retrieval_examples.npz", crops=crops, truth=names[:, 0], nearest=names, hit=hit)
    return results.parent


def test_the_page_is_whole_in_one_file(run: Path) -> None:
    path = write_report(run)
    text = path.read_text()
    assert path == run / "report.html"
    assert "<h1>toy / first</h1>" in text
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    assert titles == ["Training", "Retrieval", "Recall by section", "What a crop finds", "Configuration"]
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    sizes = [Image.open(io.BytesIO(base64.b64decode(picture))).size for picture in pictures]
    assert len(sizes) == 3
    assert min(min(size) for size in sizes) > 200
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in text.split("<tr>")]
    assert ["section", "S1", "&lt;C&gt;", "linear", "20", "0.500"] in cells
    assert len(cells[1:]) == 6
    assert not re.search(r"(src|href)=\"(?!data:)|https?://|@import|<script", text)


def test_names_and_settings_cannot_write_html(run: Path) -> None:
    text = write_report(run).read_text()
    assert "toy &lt;b&gt;" in text
    assert "&lt;C&gt;" in text
    assert "<C>" not in text
    assert "&lt;i&gt;" in page("<i>", "", [Block("<i>", text="<i>", code="<i>")])


def test_what_is_missing_is_left_out(run: Path) -> None:
    (run / "results/retrieval.json").unlink()
    (run / "config.yaml").unlink()
    assert re.findall(r"<h2>(.*?)</h2>", write_report(run).read_text()) == ["Training"]
    (run / "metrics.csv").unlink()
    with pytest.raises(DataError, match="give the directory of a run"):
        write_report(run)


def test_curves_are_the_logged_numbers_beside_chance() -> None:
    figure = training_curves(pd.read_csv(io.StringIO(METRICS)))
    lines = {line.get_label(): line.get_xydata().tolist() for axis in figure.axes for line in axis.lines}
    assert lines == {
        "train/loss": [[9, 3.1], [19, 2.5]],
        "train/ln_batch": [[9, 3.0], [19, 3.0]],
        "val/recall@5/mean": [[19, 0.4]],
        "val/recall@5/chance": [[19, 0.25]],
    }
    assert png(figure).startswith(b"\x89PNG")
    assert not plt.fignum_exists(figure.number)  # type: ignore[attr-defined]


def test_curves_are_those_of_the_model() -> None:
    metrics = "step,train/loss,val/pearson@50,val/pearson@50/context\n9,0.9,,\n19,0.8,0.3,0.4\n"
    figure = training_curves(pd.read_csv(io.StringIO(metrics)))
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["loss", "Pearson r of 50 genes, held-out slides"]
    lines = {line.get_label(): line.get_xydata().tolist() for axis in figure.axes for line in axis.lines}
    assert lines["val/pearson@50/context"] == [[19, 0.4]]
    plt.close(figure)


@pytest.mark.parametrize(("ceiling", "labels"), [(0.8, ["chance", "cell type known"]), (None, ["chance"])])
def test_bars_are_the_sections_recalls(ceiling: float | None, labels: list[str]) -> None:
    figure = recall_bars(pd.DataFrame(rows(ceiling=ceiling)), 5)
    (axis,) = figure.axes
    assert [bar.get_height() for bar in axis.patches] == [0.625, 0.625, 0.5, 0.5]  # type: ignore[attr-defined]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["S0", "S1"]
    assert sorted(text.get_text() for text in axis.get_legend().get_texts()) == sorted(["PAST", "linear", *labels])
    plt.close(figure)


def test_the_screen_shows_three_digits_and_a_dash_for_nothing() -> None:
    console = Console(record=True, width=120, file=io.StringIO())
    show(
        [{"name": "S0", "recall@1/mean": 0.12345, "cells": 20.0}, {"name": "S1", "recall@1/mean": None, "new": 1}],
        console,
    )
    lines = [line.split() for line in console.export_text().splitlines()]
    assert lines[-2:] == [["S0", "0.123", "20", "–"], ["S1", "–", "–", "1"]]
    assert {"name", "cells", "new"} <= {word for line in lines[:-2] for word in line}
