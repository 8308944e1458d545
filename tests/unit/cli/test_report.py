"""`past report`: a run's page is drawn from its files, by every task that has a page; nothing is fetched."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from retrieval_results import write_run
from typer.testing import CliRunner

from past.base.errors import DataError
from past.cli.app import app
from past.cli.report import write_run_page


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "toy/first")


def test_the_page_is_whole_in_one_file(run: Path) -> None:
    path = write_run_page(run)
    text = path.read_text()
    assert path == run / "report.html"
    assert "<h1>toy / first</h1>" in text
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    assert titles == ["Training", "Retrieval", "Two by two", "Recall by section", "What a crop finds", "Configuration"]
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', text)
    sizes = [Image.open(io.BytesIO(base64.b64decode(picture))).size for picture in pictures]
    assert len(sizes) == 3
    assert min(min(size) for size in sizes) > 200
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in text.split("<tr>")]
    scores = ["0.500 [0.450, 0.700]", "0.250", "7 blocks (correlation 2.5 spots)"]
    assert ["section", "S1", "&lt;C&gt;", "linear", "20", *scores] in cells
    assert len(cells[1:]) == 6 + 1  # and one comparison
    assert not re.search(r"(src|href)=\"(?!data:)|https?://|@import|<script", text)


def test_former_settings_have_a_part_of_their_own(run: Path) -> None:
    (run / "config.until-30.yaml").write_text("name: before\n")
    text = write_run_page(run).read_text()
    titles = re.findall(r"<h2>(.*?)</h2>", text)
    assert titles[-2:] == ["Configuration", "Configuration, until-30"]
    assert "name: before" in text


def test_names_and_settings_cannot_write_html(run: Path) -> None:
    text = write_run_page(run).read_text()
    assert "toy &lt;b&gt;" in text
    assert "&lt;C&gt;" in text
    assert "<C>" not in text


def test_what_is_missing_is_left_out(run: Path) -> None:
    (run / "results/retrieval.json").unlink()
    (run / "config.yaml").unlink()
    assert re.findall(r"<h2>(.*?)</h2>", write_run_page(run).read_text()) == ["Training"]
    (run / "metrics.csv").unlink()
    with pytest.raises(DataError, match="give the directory of a run"):
        write_run_page(run)


HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "$\\frac{$", "{{7*7}}", "[/bold]", "../../x")


def test_no_name_writes_html_or_a_formula(run: Path, tmp_path: Path) -> None:
    """Sections, patients, cell types, matchers, settings: all names come from other people's files."""
    path = run / "results" / "retrieval.json"
    content = json.loads(path.read_text())
    named = [
        {**row, "name": name, "patient": name, "matcher": matcher}
        for name in HOSTILE
        for row, matcher in zip(content["rows"][:2], HOSTILE[:2], strict=True)
    ]
    path.write_text(json.dumps({**content, "rows": named}))
    examples = run / "results" / "retrieval_examples.npz"
    with np.load(examples) as file:
        arrays = dict(file)
    np.savez(examples, **{**arrays, "truth": np.array(HOSTILE[2:4]), "nearest": np.array([[*HOSTILE[:5]]] * 2)})
    run.joinpath("config.yaml").write_text("\n".join(f"- {json.dumps(name)}" for name in HOSTILE))
    text = write_run_page(run).read_text()
    tags = set(re.findall(r"<([a-zA-Z]+)", text))
    assert tags <= {"html", "meta", "title", "style", "h", "p", "table", "thead", "tbody", "tr", "th", "td", "img",
                    "details", "summary", "pre"}  # fmt: skip
    assert not re.search(r"<[^>]*onerror", text)
    assert text.count("{{7*7}}") > 2, "a template's words are no template"
    assert "&lt;script&gt;" in text


def test_a_run_that_has_nothing_keeps_no_other_from_its_page(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "toy" / name) for name in ("first", "second")]
    empty = tmp_path / "toy" / "begun"
    empty.mkdir()
    done = CliRunner().invoke(app, ["report", str(empty), *map(str, runs)])
    assert done.exit_code == 0
    assert f"left out: {empty}: no metrics.csv and no results there" in done.stderr
    assert all((run / "report.html").is_file() for run in runs)
    assert "2 runs" in (tmp_path / "toy" / "sweep.html").read_text()
    assert isinstance(CliRunner().invoke(app, ["report", str(empty)]).exception, DataError)


def test_runs_that_did_not_validate_have_their_pages(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "toy" / name) for name in ("first", "second")]
    (runs[0] / "metrics.csv").write_text("step,train/loss\n9,3.1\n")
    done = CliRunner().invoke(app, ["report", *map(str, runs)])
    assert done.exit_code == 0
    assert "not compared: " in done.stderr
    assert all((run / "report.html").is_file() for run in runs)
