"""Splits by patient."""

import logging

import pytest

from past.base.errors import DataError
from past.data.shards.entries import Shard
from past.data.shards.index import ShardIndex
from past.data.shards.splits import split_patients


def index_of(**patient_of_section: str) -> ShardIndex:
    shards = tuple(
        Shard(f"{section}-{i:06d}.tar", 10, 1, "", section, (patient,))
        for section, patient in patient_of_section.items()
        for i in (0, 1)
    )
    return ShardIndex(("A",), shards, {}, {})


SET = index_of(C2="C", C3="C", C4="C", B4="B", A1="A", D1="D", E1="E")


def test_a_fraction_is_of_patients() -> None:
    split = split_patients(SET, 0.4, seed=1)
    assert len(split.val.patients) == 2
    assert not set(split.val.patients) & set(split.train.patients)
    assert split.train.samples + split.val.samples == SET.samples
    assert split_patients(SET, 0.4, seed=1) == split
    assert len({split_patients(SET, 0.2, seed=seed).val.patients for seed in range(20)}) > 1


def test_named_patients_and_sections(caplog: pytest.LogCaptureFixture) -> None:
    assert split_patients(SET, ["B"]).train.patients == ("A", "C", "D", "E")
    with caplog.at_level(logging.WARNING):
        split = split_patients(SET, ["C4"], train=["C2", "C3"])
    assert {shard.section for shard in split.train.shards} == {"C2", "C3"}
    assert "patient C is trained and validated on" in caplog.text


@pytest.mark.parametrize(
    ("val", "train", "message"),
    [
        (1.5, None, "val=1.5: give a fraction of the patients between 0 and 1"),
        (["X"], None, "val='X' is no section and no patient here: the sections are A1, B4, C2"),
        (["C4"], ["C"], "section C4 is to train and to validate on"),
        (["A", "B", "C", "D", "E"], None, "no cell is left to train on"),
    ],
)
def test_what_cannot_be_split_is_named(val: float | list[str], train: list[str] | None, message: str) -> None:
    with pytest.raises(DataError) as refused:
        split_patients(SET, val, train)
    assert message in str(refused.value)


def test_one_patient_is_too_few() -> None:
    with pytest.raises(DataError, match=r"1 patient cannot be split: name sections instead"):
        split_patients(index_of(C2="C", C3="C"), 0.2)


@pytest.mark.parametrize("side", ["val", "train"])
def test_a_name_outside_a_list_is_not_read_letter_by_letter(side: str) -> None:
    with pytest.raises(
        DataError, match=rf"data\.{side}=C2: give a list of patients or sections: 'data\.{side}=\[C2\]'"
    ):
        split_patients(SET, **{"val": ["A1"], side: "C2"})
