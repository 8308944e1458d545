"""`past predict` on samples of measured spots: at their own places, beside what was counted."""

import re
from pathlib import Path

import anndata
import numpy as np
import pytest
from platforms import stained, write_space_ranger
from typer.testing import CliRunner
from whole_slides import Eight

from past.checkpoints.saved import save_model
from past.cli.app import app
from past.models.stpath.published import import_stpath
from past.slides.frozen_encoder import FrozenEncoder

SPOTS = 20
PLACES = np.random.default_rng(0).uniform(60, 540, (SPOTS, 2))
BARCODES = [f"AAAC{i:04d}-1" for i in range(SPOTS)]
COUNTS = np.random.default_rng(1).poisson(3, (SPOTS, 2)) + 1
COUNTS[:, 1] = 4  # a gene that is the same everywhere


def space_ranger(folder: Path) -> Path:
    features = [(name, name, "Gene Expression") for name in ("GENE3", "GENE4")]
    outs = write_space_ranger(folder / "outs", COUNTS, features, BARCODES, PLACES, scales={"microns_per_pixel": 0.5})
    stained((600, 600), PLACES, radius=12).save(folder / "slide.png")
    return outs


def h5ad(folder: Path) -> Path:
    adata = anndata.AnnData(COUNTS.astype(np.float32))
    adata.obs_names, adata.var_names = BARCODES, ["GENE3", "GENE4"]
    adata.obsm["spatial"] = PLACES
    adata.uns["meta"] = {"um_per_px": 0.5, "tissue": "breast", "platform": "Visium"}
    adata.write_h5ad(folder / "s.h5ad")
    stained((600, 600), PLACES, radius=12).save(folder / "s.png")
    return folder / "s.h5ad"


@pytest.mark.parametrize(("write", "organ"), [(space_ranger, "Others"), (h5ad, "breast")])
def test_spots_are_predicted_at_their_places_beside_their_counts(
    released_stpath: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write, organ: str
) -> None:
    monkeypatch.setattr("past.slides.tiling.find_spec", lambda name: name)
    monkeypatch.setattr("past.config.frozen_encoder", lambda *_: FrozenEncoder(Eight(), device="cpu"))
    save_model(tmp_path / "model", import_stpath(released_stpath / "stfm.pth", released_stpath / "symbol2ensembl.json"))
    sample, out = write(tmp_path), tmp_path / "pred.h5ad"
    words = ["--encoder", "gigapath", "--weights", tmp_path / "model", "--tile-px", "32", "--maps", tmp_path / "maps"]
    words += ["--genes", "GENE3,GENE4,TWIN1", "--out", out]
    done = CliRunner().invoke(app, ["predict", str(sample), *map(str, words)])
    assert done.exit_code == 0, done.exception
    found = anndata.read_h5ad(out)[BARCODES]
    np.testing.assert_allclose(found.obsm["spatial"], PLACES, atol=1e-9)
    np.testing.assert_allclose(found.layers["measured"].toarray()[:, :2], np.log1p(COUNTS), rtol=1e-6)
    assert found.var["measured"].tolist() == [True, True, False]
    assert found.uns["histo"]["organ"] == organ
    assert found.uns["histo"]["tech"] == "Visium"
    assert sorted(path.name for path in (tmp_path / "maps").iterdir()) == sorted(
        f"pred_{gene}{kind}.png" for gene in ("GENE3", "GENE4", "TWIN1") for kind in ("", "_measured")
    )
    assert CliRunner().invoke(app, ["report", str(out)]).exit_code == 0
    titles = re.findall("<h2>(.*?)</h2>", out.with_suffix(".html").read_text())
    assert titles[2] == "Predicted against measured"
