from pathlib import Path

import anndata
import h5py
import numpy as np
import pytest
from anndata import AnnData
from typer.testing import CliRunner

import past
from past.checkpoints.saved import save_model
from past.cli.app import app
from past.models.stpath.published import import_stpath

Slide = tuple[np.ndarray, np.ndarray]


def test_predict_writes_what_load_stpath_predicts(released_stpath: Path, slide: Slide, tmp_path: Path) -> None:
    features, coords = slide
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["features"], file["coords"] = features, coords
    save_model(tmp_path / "model", import_stpath(released_stpath / "stfm.pth", released_stpath / "symbol2ensembl.json"))
    context = AnnData(np.ones((2, 1), np.float32), obsm={"spatial": coords[:2].astype(float)})
    context.var_names = ["GENE1"]
    context.write_h5ad(tmp_path / "context.h5ad")
    command = f"predict --features {tmp_path}/f.h5 --weights {tmp_path}/model --organ Breast --technology Visium"
    command += f" --genes GENE3,TWIN1 --context {tmp_path}/context.h5ad --out {tmp_path}/pred.h5ad"
    done = CliRunner().invoke(app, command.split())
    assert done.exit_code == 0, done.output
    written = anndata.read_h5ad(tmp_path / "pred.h5ad")
    expected = past.load_stpath(tmp_path / "model").predict(
        features, coords, organ="Breast", technology="Visium", genes=["GENE3", "TWIN1"], context=context
    )
    np.testing.assert_allclose(written.X, expected.X, rtol=1e-5, atol=1e-6)
    assert list(written.var_names) == ["GENE3", "TWIN1"]
    assert written.uns["past"]["method"] == "STPath, in context of 2 measured spots, told 1 of their 1 genes"


def test_past_offers_only_what_it_has() -> None:
    with pytest.raises(AttributeError, match="load_everything"):
        _ = past.load_everything
