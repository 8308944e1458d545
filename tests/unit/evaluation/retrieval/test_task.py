"""The files that a judged model leaves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from planted import GENES, Slice, write_planted
from tiny_past import planted_data, planted_model

from past.base.errors import DataError
from past.base.runs import Run
from past.data.stream.datamodule import DataModule
from past.evaluation.results import Results
from past.evaluation.retrieval.task import Retrieval, TrainedPAST, nearest_transcriptomes
from past.evaluation.task import Row
from past.models.past.embed import Embeddings, embed_cells
from past.models.past.model import PASTModel


def test_the_nearest_are_of_the_querys_own_section() -> None:
    own = torch.nn.functional.normalize(torch.randn(120, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    meta: list[dict[str, object]] = [{"section": "A1" if i < 40 else "A2" if i < 100 else "B1"} for i in range(120)]
    found = Embeddings(own, own.clone(), [f"c{i}" for i in range(120)], meta, np.zeros((120, 3), dtype=int))
    nearest = nearest_transcriptomes(found, 50)
    assert nearest[0] == 50
    assert set(found.column("section")[nearest]) == {"A2"}


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
    judge(Retrieval(examples=3, seed=4), model, data, tmp_path / "results")
    found = embed_cells(model, data.val_dataloader())
    crops = torch.cat([batch.crops for batch in data.val_dataloader()]).permute(0, 2, 3, 1).numpy()
    nearest = (found.images @ found.cells.T).topk(5).indices.numpy()
    with np.load(tmp_path / "results" / "retrieval_examples.npz", allow_pickle=False) as examples:
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
        judge(Retrieval(), model, data, tmp_path / "results")


def test_a_broken_section_is_named_and_the_others_are_judged(tmp_path: Path) -> None:
    write_planted(tmp_path / "set", [Slice("S0", "A"), Slice("S1", "B"), Slice("S2", "C", cells=20), Slice("S3", "D")])
    data = planted_data(tmp_path / "set", batch_size=8, val=["C", "D"])
    model = planted_model(planted_data(tmp_path / "set", val=["C"], train=["A", "B"]))
    shard = tmp_path / "set" / "S3-000000.tar"
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 255
    shard.write_bytes(content)
    data.setup("validate")
    results = Results(tmp_path / "results", "retrieval", {})
    rows = Retrieval()(TrainedPAST(Run(tmp_path, "demo", "one"), Path("best.ckpt"), model, data), results)
    assert {row["section"] for row in rows} == {"S2", "all"}
    (fault,) = results.faults
    assert fault.startswith("section S3: S3-000000.tar")
    both = planted_data(tmp_path / "set", batch_size=8, val=["D"])
    both.setup("validate")
    with pytest.raises(DataError, match=r"^section S3: S3-000000\.tar"):
        judge(Retrieval(), model, both, tmp_path / "none")
