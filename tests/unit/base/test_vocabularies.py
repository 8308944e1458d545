"""What people write for species and technologies, and what is made of it."""

import numpy as np
import pandas as pd
import pytest

from past.base.errors import DataError
from past.base.vocabularies import ALIASES, SPECIES, TECHNOLOGIES, canonical, word


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Xenium", "Xenium"),
        (" xenium ", "Xenium"),
        ("Xenium Prime 5K", "Xenium"),
        ("visium", "Visium"),
        ("Visium HD 3'", "Visium HD"),
        ("visium-hd", "Visium HD"),
        ("Visium FFPE", "Visium"),
        ("ST", "Spatial Transcriptomics"),
        ("Spatial Transcriptomics 1k array", "Spatial Transcriptomics"),
    ],
)
def test_technologies_are_known_by_any_of_their_names(written: str, meant: str) -> None:
    assert canonical(written, TECHNOLOGIES, "technology") == meant


def test_species_are_known_by_any_of_their_names() -> None:
    assert [canonical(name, SPECIES, "species") for name in ("human", "Mouse", "HOMO SAPIENS")] == [
        "Homo sapiens",
        "Mus musculus",
        "Homo sapiens",
    ]


def test_every_alias_stands_for_a_word() -> None:
    assert set(ALIASES.values()) <= {*SPECIES, *TECHNOLOGIES}


@pytest.mark.parametrize("written", ["rat", "", "Homo", "Homo sapiensis"])
def test_another_word_is_refused_with_those_that_are_known(written: str) -> None:
    with pytest.raises(DataError, match=rf"C5: species '{written}' is not known: use one of Homo sapiens, Mus musc"):
        canonical(written, SPECIES, "C5: species")


def test_missing_is_missing_whatever_a_program_writes_for_it() -> None:
    missing = [
        None,
        float("nan"),
        np.float32("nan"),
        pd.NA,
        pd.NaT,
        "",
        "  ",
        "nan",
        "NaN",
        "NA",
        "N/A",
        "None",
        "<NA>",
    ]
    assert [value for value in missing if word(value) is not None] == []
    assert [word(value) for value in (" P1 ", b"P1", 1, 1.0, np.float64(2), 1.5, "Nancy", "0", True)] == [
        "P1", "P1", "1", "1", "2", "1.5", "Nancy", "0", "True"
    ]  # fmt: skip
