"""Patients and folds: what is read, and a sentence for everything that is wrong."""

from pathlib import Path

import pytest

from past.base.errors import ConfigError, DataError
from past.models.survival.samples.patients import (
    Columns,
    Fold,
    crossing_sites,
    inner_split,
    read_fold,
    read_patients,
    require_events,
)

ROWS = ("A,S1,2.5,1,60,X", "A,S2,2.5,1,60,X", "B,S3,4,0,55,X", "C,,1,1,70,Y")
COLUMNS = Columns(event="event", covariates=["age"])


def table(folder: Path, *rows: str, head: str = "case_id,slide_id,time,event,age,site") -> Path:
    path = folder / "patients.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def fold(folder: Path, *rows: str) -> Path:
    path = folder / "fold.csv"
    path.write_text("\n".join([",train,val", *rows]) + "\n")
    return path


def test_a_patient_with_several_slides_is_one(tmp_path: Path) -> None:
    found = read_patients(table(tmp_path, *ROWS), COLUMNS)
    assert list(found) == ["A", "B", "C"]
    assert found["A"].slides == ("S1", "S2")
    assert (found["A"].time, found["A"].event, found["A"].site, found["A"].covariates) == (2.5, True, "X", (60.0,))
    assert found["C"].slides == ()
    assert not found["B"].event


def test_censorship_is_the_other_way_round(tmp_path: Path) -> None:
    found = read_patients(table(tmp_path, *ROWS), Columns(censorship="event"))
    assert [patient.event for patient in found.values()] == [False, True, False]


def test_who_has_no_outcome_is_left_out_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = read_patients(table(tmp_path, *ROWS, "D,S9,,1,60,X", "E,S9,3,NA,60,X"), COLUMNS)
    assert list(found) == ["A", "B", "C"]
    assert "2 left out, without time or event (D, E)" in caplog.text


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("D,S,0,1,60,X", "patient D has time 0: a time is above 0"),
        ("D,S,-3,1,60,X", "patient D has time -3: a time is above 0"),
        ("D,S,inf,1,60,X", "patient D has time inf"),
        ("D,S,soon,1,60,X", "patient D has time 'soon': write a number"),
        ("D,S,3,2,60,X", "patient D has event '2': write 0 or 1"),
        ("D,S,3,1,,X", "patient D has no age: .*missing=mean"),
        ("D,S,3,1,old,X", "patient D has age 'old': write a number"),
        (",S,3,1,60,X", "line 6 names no case_id"),
        ("A,S3,2.6,1,60,X", "the rows of patient A differ in time"),
        ("A,S3,2.5,0,60,X", "the rows of patient A differ in event"),
        ("A,S3,2.5,1,61,X", "the rows of patient A differ in covariates"),
        ("A,S3,2.5,1,60,Z", "the rows of patient A differ in site"),
    ],
)
def test_what_is_wrong_with_a_row_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_patients(table(tmp_path, *ROWS, row), COLUMNS)


def test_a_missing_covariate_may_be_the_mean(tmp_path: Path) -> None:
    found = read_patients(
        table(tmp_path, *ROWS, "D,S,3,1,,X"), Columns(event="event", covariates=["age"], missing="mean")
    )
    assert found["D"].covariates[0] != found["D"].covariates[0]


def test_all_censored_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="all of 2 patients are censored by event"):
        read_patients(table(tmp_path, "A,S,1,0,60,X", "B,S,2,0,60,X"), COLUMNS)


def test_one_of_event_and_censorship_is_named() -> None:
    for given in ({}, {"event": "e", "censorship": "c"}):
        with pytest.raises(ConfigError, match="name one of the two columns"):
            Columns(**given)
    with pytest.raises(ConfigError, match="missing=median: use null or mean"):
        Columns(event="e", missing="median")


def test_a_fold_and_the_sites_that_cross_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    cohort = read_patients(table(tmp_path, *ROWS), COLUMNS)
    assert read_fold(fold(tmp_path, "0,A,C", "1,B,"), cohort) == Fold(("A", "B"), ("C",))
    assert not caplog.text
    assert read_fold(fold(tmp_path, "0,A,B", "1,C,"), cohort).crossing == ("X",)
    assert "1 sites on both sides (X): scores may flatter" in caplog.text
    assert crossing_sites(cohort, ["A"], ["C"]) == ()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["0,A,C", "1,Q,"], r"1 train names patients that the cohort does not hold \(Q\)"),
        (["0,A,C", "1,C,"], r"1 on both sides \(C\): a patient trains or is tested"),
        (["0,A,C", "1,A,"], r"1 train names patients twice \(A\)"),
        (["0,A,"], "nobody in val"),
    ],
)
def test_what_is_wrong_with_a_fold_is_named(tmp_path: Path, rows: list[str], said: str) -> None:
    cohort = read_patients(table(tmp_path, *ROWS), COLUMNS)
    with pytest.raises(DataError, match=said):
        read_fold(fold(tmp_path, *rows), cohort)


def test_fewer_than_ten_events_are_refused(tmp_path: Path) -> None:
    cohort = read_patients(table(tmp_path, *ROWS), COLUMNS)
    with pytest.raises(DataError, match="fold 3: 2 of 3 training patients have an event, and fewer than 10"):
        require_events(list(cohort), cohort, "fold 3")


def test_validation_takes_whole_sites(tmp_path: Path) -> None:
    rows = [f"P{i},S,{i + 1},1,60,{'XYZW'[i % 4]}" for i in range(40)]
    cohort = read_patients(table(tmp_path, *rows), COLUMNS)
    train, val = inner_split(cohort, list(cohort), 0.25, seed=1)
    assert (len(train), len(val)) == (30, 10)
    assert crossing_sites(cohort, train, val) == ()
    assert inner_split(cohort, list(cohort), 0.0, seed=1) == (tuple(cohort), ())
    with pytest.raises(DataError, match=r"data.val=0.9: nobody is left to train on: 4 sites"):
        inner_split(cohort, list(cohort), 0.9, seed=1)
