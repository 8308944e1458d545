"""Siblings of benchmark patients, joined across study titles."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from past.base.errors import ConfigError
from past.base.patients import read_patient_table
from past.cli.app import app
from past.data.shards.index import ShardIndex
from past.evaluation.hest.layout import TASKS, read_task, require_apart, task_names
from past.evaluation.hest.leakage import (
    POSSIBLE_SIBLINGS,
    SIBLINGS,
    benchmark_samples,
    of_test_patient,
    refuse_benchmark,
)


def test_reference_splits_parse_and_train_and_test_share_no_patient(real_data: Path) -> None:
    root = real_data / "hest_bench"
    tasks = [read_task(root / name) for name in task_names(root)]
    assert [task.name for task in tasks] == list(TASKS)
    assert [len(task.folds) for task in tasks] == [4, 2, 3, 2, 2, 2, 6, 2, 2, 4]
    folds = [fold for task in tasks for fold in task.folds]
    assert (sum(len(fold.train) for fold in folds), sum(len(fold.test) for fold in folds)) == (187, 72)
    assert all(len(task.genes) == 50 for task in tasks)
    table = read_patient_table(root / "HEST_v1_1_0.csv")
    for task in tasks:
        for fold in task.folds:
            require_apart(fold, [table.patients], task.name)


def test_reference_lists_that_the_guard_knows_are_the_tables(real_data: Path) -> None:
    root = real_data / "hest_bench"
    benchmark = {sample.name for name in task_names(root) for sample in read_task(root / name).samples}
    assert benchmark_samples() == benchmark
    table = read_patient_table(root / "HEST_v1_1_0.csv")
    found = table.siblings(benchmark)
    assert {sample for sample in found if sample in table.labelled} == set(SIBLINGS)
    assert {sample for sample in found if sample not in table.labelled} == set(POSSIBLE_SIBLINGS)


def test_shards_refuse_benchmark_patients_unless_told_otherwise(real_data: Path, tmp_path: Path) -> None:
    shutil.copy(real_data / "als" / "L6CN51_E1_2.h5ad", tmp_path / "TENX98.h5ad")
    shutil.copy(real_data / "als" / "L6CN51_E1_2.jpg", tmp_path)
    command = ["shards", "anndata", str(tmp_path / "TENX98.h5ad"), "--out", str(tmp_path / "shards")]
    with pytest.raises(ConfigError, match=r"TENX98 \(the patient of TENX99\).*say --allow-benchmark"):
        CliRunner().invoke(app, command, catch_exceptions=False, standalone_mode=False)
    assert not (tmp_path / "shards").exists()
    assert CliRunner().invoke(app, [*command, "--allow-benchmark"]).exit_code == 0
    assert ShardIndex.read(tmp_path / "shards").settings["benchmark"] == "allowed"
    refuse_benchmark(["C2", "TENX1", "INT25"])


def test_reference_who_may_be_a_test_patient_with_and_without_the_table(real_data: Path) -> None:
    table = read_patient_table(real_data / "hest_bench" / "HEST_v1_1_0.csv")
    assert of_test_patient("NCBI785", table) == of_test_patient("NCBI785", None) == {"NCBI785", "NCBI784", "NCBI776"}
    assert "NCBI776" in of_test_patient("NCBI783", table)
    assert of_test_patient("INT1", None) == {"INT1"}
