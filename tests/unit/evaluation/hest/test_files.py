"""What a benchmark leaves on disk: predictions spot by spot, and each failure once."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_bench import GENES, SPOTS, write_task

from past.evaluation.hest.files import BenchRecord, Failure, write_predictions, write_record
from past.evaluation.hest.layout import read_task
from past.evaluation.hest.spots import FoldData, TaskData
from past.evaluation.results import Results


def first_fold(root: Path) -> FoldData:
    task = read_task(write_task(root))
    return TaskData(task, []).fold(task.folds[0])


def test_predictions_name_each_spot_and_hold_both_values(tmp_path: Path) -> None:
    fold = first_fold(tmp_path / "bench")
    truth = fold.test[0].expression
    write_predictions(Results(tmp_path / "out", "hest_bench", {}), "two", fold, truth, truth + 1)
    table = pd.read_parquet(tmp_path / "out" / "IDC" / "two" / "split0" / "predictions.parquet")
    assert list(table["sample"]) == ["A"] * SPOTS
    assert list(table["barcode"]) == [f"A-{i}" for i in range(SPOTS)]
    np.testing.assert_array_equal(table[["x", "y"]], fold.test[0].patches.coords)
    for i, gene in enumerate(GENES):
        np.testing.assert_array_equal(table[f"truth:{gene}"], truth[:, i].astype(np.float32))
        np.testing.assert_allclose(table[f"predicted:{gene}"] - table[f"truth:{gene}"], 1, atol=1e-6)


def test_a_failure_is_noted_once_and_a_sentence_said_once(caplog: pytest.LogCaptureFixture) -> None:
    record = BenchRecord("ridge")
    with caplog.at_level(logging.WARNING):
        for encoder in ("two", "two", "four"):
            record.fail(Failure("IDC", 1, encoder, "IDC fold 1 did not run: no such file"))
    assert [failure.encoder for failure in record.failures] == ["two", "four"]
    assert caplog.messages == ["IDC fold 1 did not run: no such file"]


def test_a_benchmark_without_results_says_what_failed(tmp_path: Path) -> None:
    results = Results(tmp_path, "hest_bench", {})
    record = BenchRecord("ridge")
    record.fail(Failure("IDC", None, None, "IDC: no gene list"))
    assert write_record(results, record) == []
    assert '"reason": "IDC: no gene list"' in (tmp_path / "hest_bench.json").read_text()
