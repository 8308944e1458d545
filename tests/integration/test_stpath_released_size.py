import json
from pathlib import Path

import anndata
import numpy as np
import pytest
import torch

import past
from past.checkpoints.saved import WEIGHTS, save_model
from past.models import load_model
from past.models.stpath.model import STPath
from past.models.stpath.published import export_stpath, import_stpath, to_published


@pytest.mark.slow
def test_reference_size_is_imported_predicts_all_genes_and_exports_to_the_same_bytes(
    reference: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    state = to_published(STPath(38_984))
    shapes = json.loads((reference / "stpath_state_dict.json").read_text())
    assert {name: list(tensor.shape) for name, tensor in state.items()} == shapes
    weights, genes = tmp_path / "stfm.pth", tmp_path / "symbol2ensembl.json"
    torch.save(state, weights)
    genes.write_text(json.dumps({f"SYMBOL{i}": f"ENSG{i:011d}" for i in range(38_982)}))

    save_model(tmp_path / "first", import_stpath(weights, genes))
    export_stpath(load_model(tmp_path / "first"), tmp_path / "back")
    save_model(tmp_path / "again", import_stpath(tmp_path / "back" / weights.name, tmp_path / "back" / genes.name))
    assert (tmp_path / "first" / WEIGHTS).read_bytes() == (tmp_path / "again" / WEIGHTS).read_bytes()

    rng = np.random.default_rng(0)
    features, coords = rng.standard_normal((3798, 1536)).astype(np.float32), rng.random((3798, 2))
    out = tmp_path / "all.h5ad"
    past.load_stpath(tmp_path / "again").predict(features, coords, organ="Breast", technology="Visium", out=out)
    backed = anndata.read_h5ad(out, backed="r")
    assert backed.shape == (3798, 38_982)
    assert all(np.isfinite(backed.X[rows]).all() for rows in np.array_split(np.arange(3798), 8))
