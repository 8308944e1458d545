import csv
from pathlib import Path

from past.training.metrics_csv import MetricsCSV


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_numbers_of_one_step_share_a_row(tmp_path: Path) -> None:
    logger = MetricsCSV(str(tmp_path))
    logger.log_metrics({"loss": 2.0}, 1)
    logger.log_metrics({"recall": 0.5}, 1)
    logger.log_metrics({"loss": 1.0}, 2)
    logger.finalize("success")
    assert rows(tmp_path / "metrics.csv") == [
        {"step": "1", "loss": "2.0", "recall": "0.5"},
        {"step": "2", "loss": "1.0", "recall": ""},
    ]


def test_a_resumed_run_continues_the_file(tmp_path: Path) -> None:
    first = MetricsCSV(str(tmp_path), flush_every=1)
    for step in (1, 2, 3):
        first.log_metrics({"loss": float(step)}, step)
    second = MetricsCSV(str(tmp_path))
    second.log_metrics({"loss": 30.0}, 3)  # trained again after the resume
    second.log_metrics({"loss": 4.0}, 4)
    second.finalize("success")
    assert [(row["step"], row["loss"]) for row in rows(tmp_path / "metrics.csv")] == [
        ("1", "1.0"),
        ("2", "2.0"),
        ("3", "30.0"),
        ("4", "4.0"),
    ]


def test_what_lies_after_the_place_where_a_run_goes_on_is_forgotten(tmp_path: Path) -> None:
    first = MetricsCSV(str(tmp_path), flush_every=1)
    for step in (1, 2, 3, 4):
        first.log_metrics({"loss": float(step)}, step)
    second = MetricsCSV(str(tmp_path))
    second.log_metrics({"loss": 20.0}, 2)
    second.finalize("success")
    assert [row["loss"] for row in rows(tmp_path / "metrics.csv")] == ["1.0", "20.0"]


def test_a_run_that_logged_nothing_leaves_no_file_and_goes_on(tmp_path: Path) -> None:
    logger = MetricsCSV(str(tmp_path))
    logger.save()  # as a checkpoint asks for
    logger.finalize("success")
    assert not (tmp_path / "metrics.csv").exists()
    assert MetricsCSV(str(tmp_path)).version == ""
