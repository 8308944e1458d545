"""The benchmark's page: one file, nothing fetched, every part there."""

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tiny_bench import judge, write_split, write_task

from past.base.errors import DataError
from past.evaluation.hest.page import _exposed, blocks
from past.evaluation.hest.task import HestBench
from past.nn.colour import ColourGrid
from past.report import blocks as report


def page(root: Path, encoders: tuple[str, ...], components: int) -> str:
    if not (root / "IDC").is_dir():
        write_task(root)
    bench = HestBench(root, root / "cache", components=components)
    about = {"versions": {"numpy": "1.2.3"}}
    judge(bench, {name: ColourGrid(2 * (i + 1)) for i, name in enumerate(encoders)}, root / "results", about)
    return report.page("HEST-Bench", "", blocks(root / "results"))


def test_the_page_shows_all_parts_and_fetches_nothing(tmp_path: Path) -> None:
    found = page(tmp_path, ("two", "four"), 4)
    titles = re.findall("<h2>(.*?)</h2>", found)
    assert titles == [
        "Scores, tiles as they are",
        "Scores, tiles mean colour removed",
        "Published leaderboard",
        "By task",
        "Genes",
        "Two by two",
        "IDC: best and worst gene of each section, " + titles[6].rsplit(" ", 1)[1],
        "Test patients seen in training",
        "What moves the numbers",
    ]
    assert "&#39;ridge, 4 components&#39; is not compared with it" in found
    assert "1.2.3" in found
    assert found.count("data:image/png;base64,") == 3
    assert not re.search(r'(src|href)="(?!data:)', found)


def test_the_published_protocol_stands_beside_the_leaderboard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.evaluation.hest.page.PUBLISHED", "ridge, 4 components")
    found = page(tmp_path, ("uni",), 4)
    assert "uni (here)" in found
    assert "uni: here − published" in found
    own = float(re.findall(r"<td>uni \(here\)</td>\s*<td>(.*?)</td>", found)[0])
    difference = float(re.findall(r"here − published</td>\s*<td>(.*?)</td>", found)[0])
    assert own - difference == pytest.approx(0.5890, abs=1.1e-4)  # UNI on IDC
    assert found.count("<td>ResNet50 (ImageNet)</td>") == 1


def test_a_task_cut_short_is_not_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("past.evaluation.hest.page.PUBLISHED", "ridge, 4 components")
    folder = write_task(tmp_path)
    write_split(folder, "train_3", ["A", "nobody"])
    write_split(folder, "test_3", ["B"])
    found = page(tmp_path, ("uni",), 4)
    assert re.findall(r"here − published</td>\s*<td>(.*?)</td>\s*<td>(.*?)</td>", found) == [("–", "–")]
    assert float(re.findall(r"<td>uni \(here\)</td>\s*<td>(.*?)</td>", found)[0]) > 0


def test_exposure_is_none_only_where_patients_are_known() -> None:
    assert _exposed([], known=True) == "none"
    assert _exposed([], known=False) == "none of the known siblings; patients otherwise unknown"
    assert _exposed(["TENX98"], known=False) == "TENX98; patients otherwise unknown"
    assert _exposed(None, known=False) == "not recorded"


def test_names_write_no_html_and_lead_to_no_other_folder(tmp_path: Path) -> None:
    page(tmp_path, ("two",), 4)
    results = tmp_path / "results"
    (elsewhere,) = (results / "IDC" / "two").glob("split0")
    shutil.copytree(elsewhere, tmp_path / "other" / "x" / "split0")
    hostile, formula = "<script>alert(1)</script>", "$\\frac{$"
    path, genes = results / "hest_bench.json", results / "hest_bench.parquet"
    content = json.loads(path.read_text())
    for old, task, encoder in (("IDC", "../other", "x"), ("../other", hostile, formula)):
        content["rows"] = [
            {**row, "task": task if row["task"] == old else row["task"], "encoder": encoder} for row in content["rows"]
        ]
        path.write_text(json.dumps(content))
        pd.read_parquet(genes).replace({old: task, "two": encoder, "x": encoder}).to_parquet(genes)
        text = report.page("HEST-Bench", "", blocks(results))
        assert "best and worst gene" not in text
        assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_results_that_lack_something_are_one_sentence(tmp_path: Path) -> None:
    page(tmp_path, ("two",), 4)
    path = tmp_path / "results" / "hest_bench.json"
    content = json.loads(path.read_text())
    for name in ("rows", "paired", "protocol", "failures", "trained_on_test_patients"):
        path.write_text(json.dumps({key: value for key, value in content.items() if key != name}))
        with pytest.raises(DataError, match=rf"^{path}: [^\n]*{name}[^\n]*: run evaluate.py again"):
            blocks(path.parent)
    for name, value in (("low", "a word"), ("task", [1]), ("units", {})):
        path.write_text(json.dumps({**content, "rows": [{**row, name: value} for row in content["rows"]]}))
        with pytest.raises(DataError, match=rf"^{path}: these results are not as they were written [^\n]*: run"):
            blocks(path.parent)
    path.write_text(json.dumps(content))
    (path.parent / "hest_bench.parquet").write_bytes(b"PAR1")
    with pytest.raises(
        DataError, match=rf"^{path.with_suffix('.parquet')}: these results are not as they were written [^\n]*: run"
    ):
        blocks(path.parent)


def test_genes_that_the_library_has_no_mean_of_are_said(tmp_path: Path) -> None:
    page(tmp_path, ("two",), 4)
    path = tmp_path / "results" / "hest_bench.json"
    content = json.loads(path.read_text())
    content["rows"][0] |= {"nan_genes": "G7"}
    path.write_text(json.dumps(content))
    (found,) = [block for block in blocks(path.parent) if block.title == "Constant genes"]
    assert (
        found.text == "The library has no mean over a gene that is measured or predicted the same everywhere in a fold."
    )
    assert found.table is not None
    assert "G7" in str(found.table)
