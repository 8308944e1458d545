"""Siblings of benchmark patients, joined across study titles."""

import csv
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from past.base.errors import ConfigError, DataError
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

HEADER = ["id", "dataset_title", "patient", "organ", "study_link"]


def write_table(path: Path, *rows: list[str]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


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
            require_apart(fold, table.patients, task.name)


def test_reference_siblings_are_named(real_data: Path) -> None:
    root = real_data / "hest_bench"
    benchmark = [sample.name for name in task_names(root) for sample in read_task(root / name).samples]
    found = read_patient_table(root / "HEST_v1_1_0.csv").siblings(benchmark)
    certain = {sibling.sample: sibling.of for sibling in found if sibling.certain}
    assert certain == {
        "NCBI784": "NCBI785",
        "TENX97": "TENX95",
        "TENX98": "TENX99",
        **{f"TENX{number}": "TENX149" for number in range(152, 157)},
    }
    assert [sibling.sample for sibling in found if not sibling.certain] == ["NCBI776", "TENX114"]


def test_reference_lists_that_the_guard_knows_are_the_tables(real_data: Path) -> None:
    root = real_data / "hest_bench"
    benchmark = {sample.name for name in task_names(root) for sample in read_task(root / name).samples}
    assert benchmark_samples() == benchmark
    found = read_patient_table(root / "HEST_v1_1_0.csv").siblings(benchmark)
    assert {sibling.sample for sibling in found if sibling.certain} == set(SIBLINGS)
    assert {sibling.sample for sibling in found if not sibling.certain} == set(POSSIBLE_SIBLINGS)


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


def test_each_clause_of_the_rule_joins(tmp_path: Path) -> None:
    table = read_patient_table(
        write_table(
            tmp_path / "hest.csv",
            ["A1", "Study one [Xenium]", "Patient 1", "Lung", ""],
            ["A2", "Study one [Visium]", "patient1", "Lung", ""],
            ["A3", "Study one", "patient 2", "Lung", "https://link"],
            ["A4", "Another title", "Patient 2", "Lung", "https://link"],
            ["A5", "Study one", "", "Lung", ""],
            ["TENX1", "With panel", "patient 1", "Breast", ""],
            ["TENX2", "With add-on", "patient 1", "Breast", ""],
            ["TENX3", "With add-on", "patient 1", "Lung", ""],
        )
    )
    assert table.of_one_patient("A1") == {"A1", "A2"}
    assert table.of_one_patient("A3") == {"A3", "A4"}
    assert table.of_one_patient("TENX1") == {"TENX1", "TENX2", "TENX3"}  # TENX2 and TENX3 share a title and a label
    assert table.of_one_patient("elsewhere") == {"elsewhere"}
    siblings = {sibling.sample: sibling.certain for sibling in table.siblings(["A1"])}
    assert siblings == {"A2": True, "A5": False}


def test_another_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such table"):
        read_patient_table(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("id,organ\nA,Lung\n")
    with pytest.raises(DataError, match="no column dataset_title, patient, study_link"):
        read_patient_table(tmp_path / "other.csv")
