"""Whose attention is kept, and where its tiles lie."""

from pathlib import Path

import numpy as np
import pytest
from tiny_cohort import plant

from past.data.stream.datamodule import DataModule
from past.evaluation.survival.attention import COLUMNS, attention_table, patients_to_show
from past.models.survival.predict import Predicted
from past.models.survival.samples.bags import BagSamples


def test_tiles_lie_where_their_slides_say(tmp_path: Path) -> None:
    cohort = plant(tmp_path / "cohort", patients=36)
    folder = cohort.root.parent
    data = DataModule(
        str(cohort.root), BagSamples(f"{folder}/fold_{{fold}}.csv", features=f"{folder}/features"), val=0.0
    )
    names = ("P000", "P001", "P003")
    bags = [data.samples.bags.read(name) for name in names]
    attention = {name: np.full(len(bag.tiles), 1 / len(bag.tiles)) for name, bag in zip(names, bags, strict=True)}
    found = Predicted(names, np.array([0.1, 2.0, -1.0]), None, np.zeros((3, 0)), attention)
    rows = patients_to_show(found, 1)
    assert rows == [1, 2]
    table = attention_table(data.samples, found, rows)
    assert list(table) == list(COLUMNS)
    assert table.groupby("case_id")["attention"].sum().tolist() == pytest.approx([1, 1])
    assert table["slide"].unique().tolist() == ["P001-0", "P003-0", "P003-1"]
    assert table[["x", "y"]].iloc[0].tolist() == [0, 0]


def test_without_slides_there_is_nothing_to_show() -> None:
    found = Predicted(("A",), np.zeros(1), None, np.zeros((1, 0)), {})
    assert patients_to_show(found, 3) == []
    assert attention_table(None, found, []).empty  # type: ignore[arg-type]
