"""Recall over sections, patients and all; the files that a judged model leaves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from planted import GENES
from tiny_past import planted_data, planted_model

from past.base.errors import DataError
from past.base.runs import Run
from past.data.stream.datamodule import DataModule
from past.evaluation.results import Results
from past.evaluation.retrieval.task import (
    Matcher,
    Retrieval,
    TrainedPAST,
    nearest_transcriptomes,
    score_table,
    type_ceiling,
)
from past.evaluation.task import Row
from past.models.past.embed import Embeddings, embed_cells
from past.models.past.model import PASTModel


def tissue(types: bool = True) -> Embeddings:
    """Two sections of one patient and one of another; each cell's embedding is its type's, its own a little apart."""
    generator = torch.Generator().manual_seed(0)
    meta, kinds = [], []
    for section, patient, cells in (("A1", "A", 40), ("A2", "A", 60), ("B1", "B", 20)):
        for i in range(cells):
            kinds.append(i % 4)
            meta.append({"section": section, "patient": patient, "cell_type": f"type {i % 4}" if types else None})
    own = torch.nn.functional.normalize(torch.eye(8)[kinds] + 0.05 * torch.randn(120, 8, generator=generator), dim=1)
    return Embeddings(own, own.clone(), [f"c{i}" for i in range(120)], meta, np.zeros((120, 3), dtype=int))


def row(table: list[dict[str, object]], name: str, matcher: str) -> dict[str, object]:
    return next(entry for entry in table if entry["name"] == name and entry["matcher"] == matcher)


def test_rows_for_every_section_patient_and_all_with_every_matcher() -> None:
    found = tissue()
    random = torch.nn.functional.normalize(torch.randn(2, 120, 8, generator=torch.Generator().manual_seed(1)), dim=2)
    table = score_table([Matcher("PAST", found.images, found.cells), Matcher("random", *random)], found)
    assert [(entry["scope"], entry["name"]) for entry in table[::2]] == [
        ("section", "A1"),
        ("section", "A2"),
        ("section", "B1"),
        ("patient", "A"),
        ("patient", "B"),
        ("all", "all"),
    ]
    assert row(table, "all", "PAST")["recall@1/mean"] == 1.0
    assert row(table, "A1", "random")["recall@5/mean"] == pytest.approx(5 / 40, abs=0.1)
    assert row(table, "A1", "PAST")["recall@5/chance"] == pytest.approx(5 / 40)
    assert row(table, "all", "PAST")["recall@5/chance"] == pytest.approx(
        (40 * 5 / 40 + 60 * 5 / 60 + 20 * 5 / 20) / 120
    )
    assert row(table, "all", "PAST")["median_rank/image_to_cell"] == 1.0
    assert row(table, "B1", "PAST")["recall@10/ceiling"] == 1.0  # five of a kind
    assert row(table, "A1", "PAST")["recall@1/ceiling"] == pytest.approx(1 / 10)


def test_the_ceiling_is_what_knowing_only_the_type_reaches() -> None:
    found = tissue()
    types = found.column("cell_type")
    kinds = torch.tensor([int(name[-1]) for name in types])
    noise = 1e-3 * torch.randn(2, 120, 4, generator=torch.Generator().manual_seed(2))
    knows_type = Matcher("type", *(torch.eye(4)[kinds] + noise))
    table = score_table([knows_type], found)
    reached = [row(table, section, "type")["recall@5/mean"] for section in ("A1", "A2")]
    ceilings = [row(table, section, "type")["recall@5/ceiling"] for section in ("A1", "A2")]
    assert reached == pytest.approx(ceilings, abs=0.12)


def test_no_ceiling_where_a_type_is_unknown() -> None:
    found = tissue(types=False)
    sections = found.column("section")
    assert type_ceiling(sections, found.column("cell_type"), np.ones(120, dtype=bool), 5) is None


def test_the_nearest_are_of_the_querys_own_section() -> None:
    found = tissue()
    nearest = nearest_transcriptomes(found, 50)
    assert nearest[0] == 50
    assert set(found.column("section")[nearest]) == {"A2"}


def test_no_cells_is_an_error() -> None:
    empty = Embeddings(torch.zeros(0, 2), torch.zeros(0, 2), [], [], np.zeros((0, 3), dtype=int))
    with pytest.raises(DataError, match=r"no cells: .* \(data\.val=…\)"):
        score_table([], empty)


@pytest.fixture
def data(tmp_path: Path) -> DataModule:
    module = planted_data(tmp_path / "set", batch_size=8)
    module.setup("validate")
    return module


@pytest.fixture
def model(data: DataModule) -> PASTModel:
    return planted_model(data)


def judge(task: Retrieval, model: PASTModel, data: DataModule, out: Path) -> list[Row]:
    given = TrainedPAST(Run(out, "demo", "one"), Path("best.ckpt"), model, data)
    return task(given, Results(out, task.name, {}))


def test_retrieval_writes_what_it_found(data: DataModule, model: PASTModel, tmp_path: Path) -> None:
    shown = judge(Retrieval(ks=(1, 5), examples=3), model, data, tmp_path / "results")
    content = json.loads((tmp_path / "results/retrieval.json").read_text())
    rows = content["rows"]
    assert content["task"] == "retrieval"
    assert content["checkpoint"] == "best.ckpt"
    assert [(row["section"], row["by"], row["r@1"]) for row in shown] == [
        (row["name"], row["matcher"], row["recall@1/mean"]) for row in rows if row["scope"] != "patient"
    ]
    assert [(row["scope"], row["name"], row["matcher"]) for row in rows] == [
        (scope, name, matcher)
        for scope, name in (("section", "S2"), ("patient", "C"), ("all", "all"))
        for matcher in ("PAST", "linear")
    ]
    assert all(row["recall@5/chance"] == 5 / 20 for row in rows)
    assert rows[1]["recall@5/mean"] > 0.5  # type: ignore[operator]
    assert rows[0]["recall@5/ceiling"] is None
    table = pd.read_csv(tmp_path / "results/retrieval.csv")
    assert table["recall@1/mean"].tolist() == [row["recall@1/mean"] for row in rows]


def test_the_examples_are_crops_with_what_they_find(data: DataModule, model: PASTModel, tmp_path: Path) -> None:
    judge(Retrieval(examples=3, seed=4), model, data, tmp_path)
    found = embed_cells(model, data.val_dataloader())
    crops = torch.cat([batch.crops for batch in data.val_dataloader()]).permute(0, 2, 3, 1).numpy()
    nearest = (found.images @ found.cells.T).topk(5).indices.numpy()
    with np.load(tmp_path / "retrieval_examples.npz", allow_pickle=False) as examples:
        assert examples["nearest"].shape == examples["hit"].shape == (3, 5)
        for crop, hit, label in zip(examples["crops"], examples["hit"], examples["truth"], strict=True):
            (row,) = np.flatnonzero((crops == crop).all(axis=(1, 2, 3)))
            np.testing.assert_array_equal(hit, nearest[row] == row)
            assert label.split() == [GENES[token - 30] for token in found.genes[row]]  # no type is known


def test_other_cells_under_the_linear_map_are_an_error(
    data: DataModule, model: PASTModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "val_dataloader", lambda: data.samples.for_fitting())
    with pytest.raises(DataError, match="other cells than the model"):
        judge(Retrieval(), model, data, tmp_path)
