"""Several runs on one page: read from their files, nothing else."""

import re
from pathlib import Path

import pandas as pd
import pytest
import yaml
from matplotlib import pyplot as plt

from past.base.errors import DataError
from past.base.runs import CONFIG_BYTES, flat
from past.report.sweep import by_setting, curves, differences, read_trained, without_run, write_sweep

METRICS = "step,train/loss,val/recall@5/mean,val/recall@5/chance\n9,3.1,{},0.25\n19,2.5,{},0.25\n29,2.0,,\n"


def write_run(root: Path, run_id: str, temperature: float, encoder: str, *recall: float) -> Path:
    run = root / "toy" / run_id
    run.mkdir(parents=True)
    settings = {
        "run_id": run_id, "seed": 1, "encoder": {"name": encoder},
        "model": {"temperature": temperature, "image_encoder": {"name": encoder}},
        "callbacks": {"last": {"directory": f"runs/toy/{run_id}/checkpoints"}},
    }  # fmt: skip
    (run / "config.yaml").write_text(yaml.safe_dump(settings))
    (run / "metrics.csv").write_text(METRICS.format(*recall))
    return run


def rows_of(page: Path) -> list[list[str]]:
    """The table's cells as they are read."""
    return [re.findall(r"<t[hd]>(.*?)</t[hd]>", row) for row in page.read_text().split("<tr")[1:]]


def test_what_was_varied_the_best_value_and_chance(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, "a", 0.05, "grid", 0.3, 0.5), write_run(tmp_path, "b", 0.7, "uni", 0.6, 0.4)]
    page = write_sweep(runs)
    assert page == tmp_path / "toy" / "sweep.html"
    assert rows_of(page) == [
        ["run", "encoder.name", "model.temperature", "best", "update", "chance"],
        ["b", "uni", "0.7", "0.600", "10", "0.250"],
        ["a", "grid", "0.05", "0.500", "20", "0.250"],
    ]
    text = page.read_text()
    assert text.count("data:image/png") == 2
    assert "http" not in text


def test_a_run_id_that_is_in_a_setting_leaves_it_as_it_is(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, "1", 0.1, "grid", 0.3, 0.5), write_run(tmp_path, "2", 0.2, "grid", 0.6, 0.4)]
    header, best, other = rows_of(write_sweep(runs))
    assert header[:3] == ["run", "model.temperature", "best"]  # and no path
    assert (best[1], other[1]) == ("0.2", "0.1")
    assert without_run("runs/toy/1/x", tmp_path / "toy" / "1") == "runs/toy/…/x"
    assert without_run("toy-1", tmp_path / "toy" / "1") == "toy-…"
    assert without_run("toy/10", tmp_path / "toy" / "1") == "toy/10"


def test_settings_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, "a", 0.05, "grid", 0.3, 0.5), write_run(tmp_path, "b", 0.7, "uni", 0.6, 0.4)]
    (runs[1] / "config.yaml").write_text("a: &a [x, x]\nb: [*a, *a]\n")
    with pytest.raises(DataError, match=r"toy/b/config\.yaml: not YAML"):
        write_sweep(runs)


def test_a_run_that_did_not_validate_has_a_dash_and_others_a_folder_in_common(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / "x", "a", 0.05, "grid", 0.3, 0.5), write_run(tmp_path / "y", "b", 0.7, "grid", 0, 0)]
    (runs[1] / "metrics.csv").write_text("step,val/recall@5/mean\n9,\n")
    page = write_sweep(runs)
    assert page == tmp_path / "sweep.html"
    assert rows_of(page)[2] == ["b", "0.7", "–", "–", "–"]


def test_runs_of_a_new_model_are_compared_by_the_metric_of_their_best_checkpoints(tmp_path: Path) -> None:
    runs = []
    for run_id, score in (("a", 0.25), ("b", 0.5)):
        runs.append(write_run(tmp_path, run_id, score, "grid", 0, 0))
        (runs[-1] / "metrics.csv").write_text(f"step,val/first,val/first/chance,val/own\n9,0.9,0.1,{score}\n")
    assert [row[2] for row in rows_of(write_sweep(runs))] == ["best", "0.900", "0.900"]  # nothing said: the first
    for run in runs:
        settings = yaml.safe_load((run / "config.yaml").read_text())
        settings["callbacks"]["best"] = {"monitor": "val/own"}
        (run / "config.yaml").write_text(yaml.safe_dump(settings))
    assert [row[2] for row in rows_of(write_sweep(runs))] == ["best", "0.500", "0.250"]


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, "a", 0.05, "grid", 0.3, 0.5), write_run(tmp_path, "b", 0.7, "uni", 0.6, 0.4)]
    (runs[1] / "metrics.csv").write_text("step,train/loss\n9,1.0\n")
    with pytest.raises(DataError, match="no two of 2 runs share a metric"):
        write_sweep(runs)
    third = write_run(tmp_path, "c", 0.7, "uni", 0.6, 0.4)
    page = write_sweep([*runs, third])
    assert [row[0] for row in rows_of(page)] == ["run", "c", "a"]
    assert "Left out, without val/recall@5/mean: b." in page.read_text()
    (runs[1] / "metrics.csv").unlink()
    with pytest.raises(DataError, match=r"b: no metrics\.csv and config\.yaml"):
        write_sweep(runs)


def test_a_repeated_setting_is_named_once_and_an_absent_one_is_a_difference() -> None:
    one = dict(flat({"lr": 1, "deep": {"lr": 1, "x": [1, 2]}, "run_id": "a"}))
    assert one == {"lr": "1", "deep.lr": "1", "deep.x": "[1, 2]", "run_id": "a"}
    assert differences([one, {"lr": "2", "deep.lr": "2", "run_id": "b"}]) == ["deep.x", "lr"]


def test_numbers_have_an_axis_and_words_stand_side_by_side() -> None:
    table = pd.DataFrame({"lr": ["0.001", "0.1"], "name": ["a", "b"], "best": [0.3, 0.4], "chance": [0.1, 0.1]})
    number, word = by_setting(table, ["lr", "name"]).axes
    assert number.get_xscale() == "log"
    assert number.collections[0].get_offsets().tolist() == [[0.001, 0.3], [0.1, 0.4]]  # type: ignore[union-attr]
    assert [label.get_text() for label in word.get_xticklabels()] == ["a", "b"]
    plt.close("all")


def test_names_and_settings_write_no_html_and_no_formula(tmp_path: Path) -> None:
    hostile = ("<script>x</script>", "$\\frac{$")
    runs = [
        write_run(tmp_path, run_id, 10.0**-i, name, 0.3, 0.5)
        for i, (run_id, name) in enumerate(zip("ab", hostile, strict=True))
    ]
    text = write_sweep(runs).read_text()
    assert "<script" not in text
    assert "<td>&lt;script&gt;x&lt;/script&gt;</td>" in text


def test_settings_over_a_decade_have_plain_numbers() -> None:
    table = pd.DataFrame({"lr": ["0.001", "0.1"], "best": [0.1, 0.2], "chance": [0.0, 0.0]})
    figure = by_setting(table, ["lr"])
    figure.canvas.draw()
    (axis,) = figure.axes
    assert axis.get_xscale() == "log"
    assert {"0.001", "0.01", "0.1"} <= {label.get_text() for label in axis.get_xticklabels()}
    assert not [label for label in axis.get_xticklabels(minor=True) if label.get_text()]
    plt.close(figure)


def test_a_broken_configuration_or_log_is_named(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, "a", 0.1, "grid", 0.3, 0.5), write_run(tmp_path, "b", 0.1, "grid", 0.3, 0.5)]
    (runs[0] / "config.yaml").write_text("a: " + "[" * 20_000)
    with pytest.raises(DataError, match=r"a/config.yaml: not YAML [^\n]*: give the directory of a run$"):
        write_sweep(runs)
    (runs[0] / "config.yaml").write_text("a: 1\n" + "#" * CONFIG_BYTES)
    with pytest.raises(DataError, match=r"a/config.yaml: [^\n]*262,14\d"):
        write_sweep(runs)
    (runs[0] / "config.yaml").write_text("a: 1")
    (runs[1] / "metrics.csv").write_bytes(b"step,val\n\xff,1")
    with pytest.raises(DataError, match=r"b/metrics.csv: not a table [^\n]*: give the directory of a run$"):
        write_sweep(runs)


def test_an_older_runs_secrets_are_not_shown(tmp_path: Path) -> None:
    runs = [write_run(tmp_path, "a", 0.1, "grid", 0.3, 0.5), write_run(tmp_path, "b", 0.1, "grid", 0.3, 0.5)]
    for i, run in enumerate(runs):
        (run / "config.yaml").write_text(f"data: {{root: 'https://user:s3cret{i}@h.org/{i}?sig=s3cret'}}")
    text = write_sweep(runs).read_text()
    assert "https://h.org/1" in text
    assert "s3cret" not in text


def test_every_run_is_in_the_legend_by_its_name(tmp_path: Path) -> None:
    names = ["_first", "x=1,y"]
    figure = curves(
        [read_trained(write_run(tmp_path, name, 0.1, "grid", 0.3, 0.5)) for name in names], "val/recall@5/mean"
    )
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text().strip() for text in legend.get_texts()] == names
    plt.close(figure)
