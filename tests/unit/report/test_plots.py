"""Curves of a training."""

import io
from pathlib import Path

import pandas as pd
import pytest
from matplotlib import pyplot as plt

from past.base.errors import DataError
from past.report.plots import panels, png, read_metrics, training_curves

METRICS = "step,train/loss,train/ln_batch,val/recall@5/mean,val/recall@5/chance\n9,3.1,3.0,,\n19,2.5,3.0,0.4,0.25\n"


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
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["loss", "val/pearson@50"]
    lines = {line.get_label(): line.get_xydata().tolist() for axis in figure.axes for line in axis.lines}
    assert lines["val/pearson@50/context"] == [[19, 0.4]]
    plt.close(figure)


def test_a_model_that_is_new_has_its_own_panels() -> None:
    logged = ["step", "lr-Adam", "train/loss", "train/ln_batch", "wait_share", "train/heat", "val/a", "val/a/chance"]
    assert panels([*logged, "val/b@5/mean", "val/b@10/mean"]) == {
        "loss": ["train/loss", "train/ln_batch"],
        "train/heat": ["train/heat"],
        "val/a": ["val/a", "val/a/chance"],
        "val/b@5": ["val/b@5/mean"],
        "val/b@10": ["val/b@10/mean"],
    }


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("train/loss\n1\n", "no column step"), ("step,val/a\n1,x\n", "no numbers in val/a"),
        ("step,val/a\nx,1\n", "no numbers in step"), ("", "not a table"),
    ],
)  # fmt: skip
def test_what_is_no_log_of_a_training_is_one_sentence(tmp_path: Path, content: str, told: str) -> None:
    (tmp_path / "metrics.csv").write_text(content)
    with pytest.raises(DataError, match=rf"^{tmp_path}/metrics\.csv: {told}[^\n]*: give the directory of a run$"):
        read_metrics(tmp_path)
    (tmp_path / "metrics.csv").write_text(METRICS)
    assert read_metrics(tmp_path)["step"].tolist() == [9, 19]
