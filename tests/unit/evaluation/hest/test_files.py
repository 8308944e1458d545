"""What a benchmark leaves on disk: predictions spot by spot, and each failure once."""

import json
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_bench import GENES, SPOTS, write_task

from past.evaluation.hest.files import BenchRecord, Failure, write_predictions, write_record
from past.evaluation.hest.layout import read_task
from past.evaluation.hest.spots import FoldData, TaskData
from past.evaluation.hest.summary import AS_THEY_ARE, REMOVED
from past.evaluation.results import Results
from past.evaluation.statistics.scores import FoldResult, Judged, TaskResult
from past.evaluation.statistics.units import Places


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


def test_the_librarys_files_are_of_tiles_as_they_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    truth, noise = rng.normal(size=(40, 2)), rng.normal(size=(40, 2))
    places = Places(np.repeat("P", 40), np.repeat("A", 40), rng.uniform(0, 9, (40, 2)))

    def scored(encoder: str, share: float) -> TaskResult:
        judged = Judged(truth, share * truth + noise, places)
        return TaskResult("IDC", encoder, (FoldResult.of(0, ("G0", "G1"), judged, 9),))

    record = BenchRecord("ridge")
    found = [(AS_THEY_ARE, scored("two", 1.0)), (REMOVED, scored("two", 0.1)), (AS_THEY_ARE, scored("four", 0.5))]
    record.add(found)
    assert [(one.summary["encoder"], one.summary["other"]) for one in record.paired] == [("two", "four")]
    rows = write_record(Results(tmp_path, "hest_bench", {}), record)
    assert {(row["encoder"], row["images"]) for row in rows} == {(r.encoder, images) for images, r in found}
    for _, result in (found[0], found[2]):
        content = json.loads((tmp_path / "IDC" / result.encoder / "split0" / "results.json").read_text())
        expected = [np.corrcoef(t, p)[0, 1] for t, p in zip(truth.T, result.spots[0].predicted.T, strict=True)]
        assert [gene["pearson_corr"] for gene in content["pearson_corrs"]] == pytest.approx(expected)
        assert (content["pearson_mean"], content["pearson_std"]) == pytest.approx((np.mean(expected), np.std(expected)))
