"""Which samples are of one patient: joined across study titles, and named in HEST-1k's own table."""

import csv
from pathlib import Path

import pytest

from past.base.errors import DataError
from past.base.patients import read_patient_table, study_of
from past.evaluation.hest.leakage import benchmark_samples

HEADER = ["id", "dataset_title", "patient", "organ", "study_link"]


def write_table(path: Path, *rows: list[str]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEADER, *rows])
    return path


def test_reference_siblings_are_named(real_data: Path) -> None:
    table = read_patient_table(real_data / "hest_bench" / "HEST_v1_1_0.csv")
    benchmark = benchmark_samples()
    found = table.siblings(benchmark)
    certain = {sample: sorted(table.of_one_patient(sample) & benchmark) for sample in found if sample in table.labelled}
    assert certain == {
        "NCBI784": ["NCBI785"],
        "TENX97": ["TENX95"],
        "TENX98": ["TENX99"],
        **{f"TENX{number}": ["TENX147", "TENX148", "TENX149"] for number in range(152, 157)},
    }
    assert [sample for sample in found if sample not in table.labelled] == ["NCBI776", "TENX114"]


def test_a_studys_bracket_is_no_part_of_its_title() -> None:
    assert study_of("Human Breast [Xenium] ") == "Human Breast"
    assert study_of("A [B] study") == "A [B] study"


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
    assert table.siblings(["A1"]) == ("A2", "A5")  # A5 is of the study, and its patient is not recorded
    assert table.siblings(["TENX1"]) == ("TENX2", "TENX3")
    assert table.labelled == {"A1", "A2", "A3", "A4", "TENX1", "TENX2", "TENX3"}


def test_another_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_patient_table(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("id,organ\nA,Lung\n")
    with pytest.raises(DataError, match="no column dataset_title, patient, study_link"):
        read_patient_table(tmp_path / "other.csv")


def test_samples_without_a_patient_are_of_no_common_one(tmp_path: Path) -> None:
    rows = [[f"S{i}", "One", label, "Breast", "NA"] for i, label in enumerate(["NA", "nan", "None", "", "P1"])]
    rows.append(["S5", "Two", "P1", "Breast", "NA"])
    table = read_patient_table(write_table(tmp_path / "t.csv", *rows))
    assert len(set(table.patients.values())) == 6  # nor do two studies share the link "NA"
    assert table.labelled == {"S4", "S5"}
