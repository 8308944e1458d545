"""omicverse's `predict_expression` and ours on the same tiles, features and random weights: the same numbers.

omicverse fetches the authors' STPath with git; LazySlide's copy of the authors' network stands in for it here.
"""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from anndata import AnnData
from released_stpath import SYMBOLS
from torch import nn
from whole_slides import section, write_svs

import past
from past.models.stpath.model import STPath
from past.models.stpath.published import to_published
from past.slides.frozen_encoder import FrozenEncoder
from past.slides.tables import embed_tiles

for needed in ("tifffile", "lazyslide", "einops", "omicverse"):
    pytest.importorskip(needed, reason=f"{needed} is not installed: pip install omicverse einops", exc_type=ImportError)
WIDTH = 1536  # omicverse takes no other
GENES = ["GENE3", "GENE7", "TWIN1"]
pytestmark = pytest.mark.filterwarnings("ignore")


class Pixels(nn.Module):
    """Every other number of a tile of 32 px, as wide as GigaPath's features."""

    def forward(self, crops: torch.Tensor) -> torch.Tensor:
        return crops.float().flatten(1)[:, ::2] / 64 - 2


class STPathInference:
    """The authors' class of this name, over LazySlide's copy of their network."""

    def __init__(self, gene_voc_path: str, model_weight_path: str, device: str) -> None:
        from lazyslide_models.feature_prediction import stpath

        self.made = stpath
        self.genes = stpath._vocab.GeneVocab(json.loads(Path(gene_voc_path).read_text()))
        self.model = stpath.STFM(self.genes.n_tokens, stpath.N_TECH, stpath.N_ORGANS).to(device).eval()
        self.model.load_state_dict(torch.load(model_weight_path, weights_only=True))

    @torch.no_grad()
    def inference(
        self, coords: np.ndarray, img_features: np.ndarray, organ_type: str, tech_type: str, save_gene_names: list[str]
    ) -> AnnData:
        spots = len(coords)
        predicted = self.model(
            img_tokens=torch.from_numpy(img_features),
            coords=self.made.rescale_coords(torch.from_numpy(coords)),
            batch_idx=torch.zeros(spots, dtype=torch.long),
            tech_tokens=torch.full((spots,), self.made._encode_tech(tech_type)),
            organ_tokens=torch.full((spots,), self.made._encode_organ(organ_type)),
        )
        adata = AnnData(predicted[:, self.genes.symbol2id(save_gene_names)[0]].numpy())
        adata.var_names = save_gene_names
        return adata


@pytest.fixture
def authors(monkeypatch: pytest.MonkeyPatch) -> None:
    """What omicverse would clone."""
    import omicverse.space.histo._stpath as theirs

    name = "stpath.app.pipeline.inference"
    for depth in range(1, 5):
        part = ".".join(name.split(".")[:depth])
        monkeypatch.setitem(sys.modules, part, ModuleType(part))
    sys.modules[name].STPathInference = STPathInference  # type: ignore[attr-defined]
    monkeypatch.setattr(theirs, "_ensure_stpath_repo", lambda cache: cache)


@pytest.mark.usefixtures("authors")
def test_predictions_equal_omicverses(tmp_path: Path) -> None:
    from omicverse.space.histo import predict_expression

    torch.manual_seed(0)
    model = STPath(len(set(SYMBOLS.values())) + 2, features=WIDTH, dim=512, depth=4, heads=4)
    weights, vocabulary = tmp_path / "stfm.pth", tmp_path / "STPath" / "utils_data" / "symbol2ensembl.json"
    torch.save(to_published(model), weights)
    vocabulary.parent.mkdir(parents=True)
    vocabulary.write_text(json.dumps(SYMBOLS))
    wsi = past.open_wsi(write_svs(tmp_path / "a.svs", section(2400, 1600), tile=(256, 256)), store=None)
    grid = past.tile(wsi, tile_px=32, mpp=0.5)
    embed_tiles(wsi, FrozenEncoder(Pixels(), device="cpu"), "gigapath")
    asked = {"organ": "Breast", "genes": GENES, "device": "cpu"}
    ours = past.predict_expression(wsi, weights, technology="Visium", vocabulary=vocabulary, **asked)
    theirs = predict_expression(
        wsi, method="stpath", tech="Visium", weight_path=str(weights), cache_dir=str(tmp_path), **asked
    )
    assert ours.shape == theirs.shape == (len(grid), len(GENES))
    assert len(grid) > 50
    assert list(ours.var_names) == list(theirs.var_names)
    np.testing.assert_array_equal(ours.obsm["spatial"], theirs.obsm["spatial"])
    assert {"method", "fm_backbone", "organ", "tech"} <= set(ours.uns["histo"])
    assert theirs.X.std(axis=0).min() > 0.05  # tiles differ
    np.testing.assert_allclose(ours.X, theirs.X, rtol=1e-5, atol=1e-5 * np.abs(theirs.X).max())  # measured: 1e-6
