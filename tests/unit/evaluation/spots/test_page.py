"""The page of a judged run holds the numbers that its summary holds."""

import re
from pathlib import Path

import pandas as pd
import pytest
from slide_shards import TOLD, part

from past.base.runs import Run
from past.data.shards.slides import SlideSet
from past.evaluation.results import Results
from past.evaluation.spots import page
from past.evaluation.spots.task import JudgedSlides, SlideTask
from past.models.stpath.predict import Predictor


@pytest.mark.slow  # scanpy's neighbours are compiled
def test_a_page_shows_scores_units_and_maps(slides: SlideSet, model: Predictor, tmp_path: Path) -> None:
    task = SlideTask("zero_shot", [1.0], tops=(TOLD, 8), components=4)
    results = tmp_path / "results"
    sides = part(slides, "A1", "A2"), part(slides, "B1", "C1")
    task(JudgedSlides(Run(tmp_path, "n", "one"), Path("c"), model, *sides), Results(results, "zero_shot", {}))
    found = {block.title: block for block in page.blocks(results)}
    assert list(found) == [
        "Zero-shot",
        "Zero-shot, by section",
        "Zero-shot, best and worst gene of each section",
        "Zero-shot, clusters",
        "Zero-shot: two by two",
    ]
    rows = pd.DataFrame(pd.read_json(results / "zero_shot.json", typ="series")["rows"])
    head, *lines = found["Zero-shot"].table.split("</tr>")[:-1]
    columns = re.findall("<th>(.*?)</th>", head)
    table = pd.DataFrame([re.findall("<td>(.*?)</td>", line) for line in lines], columns=columns)
    assert list(table["section"]) == list(rows["name"])
    assert list(table["spots"].astype(int)) == list(rows["spots"])
    for shown, value in zip(table[f"r@{TOLD}"], rows[f"pearson@{TOLD}"], strict=True):
        assert float(shown.split()[0]) == pytest.approx(value, abs=5e-5)
    assert all(block.image for title, block in found.items() if "," in title)
    assert [ratio for ratio, _ in page.drawn_maps(results, "zero_shot")] == [1.0]
    for path in list(results.iterdir()):  # a task of another name has its page too, once its summary is written
        path.rename(path.with_name(path.name.replace("zero_shot", "half_told")))
    assert page.blocks(results)[0].title == "Half-told"
    (results / "half_told.json").unlink()
    assert page.blocks(results) == []
