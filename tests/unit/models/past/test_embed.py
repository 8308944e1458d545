"""Shards → both towers → an embedding of every cell, in the index's order."""

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_past import planted_data, planted_model

from past.data.stream.datamodule import DataModule
from past.models.past.embed import embed_cells
from past.models.past.model import PASTModel


@pytest.fixture
def data(tmp_path: Path) -> DataModule:
    module = planted_data(tmp_path / "set", batch_size=8)
    module.setup("validate")
    return module


@pytest.fixture
def model(data: DataModule) -> PASTModel:
    return planted_model(data)


def test_every_cell_is_embedded_once_in_the_indexs_order(data: DataModule, model: PASTModel) -> None:
    found = embed_cells(model, data.val_dataloader(), top_genes=2)
    batches = list(data.val_dataloader())
    assert len(batches) > 1
    assert found.keys == [f"S2_{i:07d}" for i in range(20)]
    assert set(found.column("patient")) == {"C"}
    assert set(found.column("cell_type")) == {""}
    np.testing.assert_array_equal(found.genes, torch.cat([batch.tokens[:, 0, :2] for batch in batches]))
    with torch.no_grad():
        out = [model(batch) for batch in batches]
    torch.testing.assert_close(found.images, torch.cat([one.images for one in out]))
    torch.testing.assert_close(found.cells, torch.cat([one.cells for one in out]))
    torch.testing.assert_close(found.cells.norm(dim=1), torch.ones(20))
