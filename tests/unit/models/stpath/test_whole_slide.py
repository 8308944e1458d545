"""STPath on a whole slide: the same numbers by command and verb, at the tiles' centres, never of another encoder."""

from importlib.util import find_spec
from pathlib import Path

import anndata
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from whole_slides import Eight, plain_grid, section, write_svs

import past
from past.base.errors import DataError
from past.models.stpath.predict import Predictor
from past.models.stpath.whole_slide import predict_expression, predict_features
from past.slides.embedding import embed_slide
from past.slides.features import read_feature_file
from past.slides.frozen_encoder import FrozenEncoder
from past.slides.slide import open_slide
from past.slides.tables import embed_tiles

pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
needs = pytest.mark.skipif(find_spec("lazyslide") is None, reason="the extra 'wsi' is not installed")
GENES = ["GENE3", "TWIN1"]


ENCODER = FrozenEncoder(Eight(), device="cpu")


def test_a_prediction_lies_on_its_slide(tmp_path: Path, predictor: Predictor) -> None:
    slide = open_slide(write_svs(tmp_path / "a.svs", section(600, 400)))
    grid = plain_grid((600, 400))
    embed_slide(tmp_path / "a.h5", slide, grid, ENCODER, {"slide": "x"})
    out = tmp_path / "pred.h5ad"
    made = {"organ": "Breast", "technology": "Visium", "genes": GENES}
    predict_features(predictor, slide, "a", tmp_path / "a.h5", "gigapath", out=out, **made)
    written = anndata.read_h5ad(out)
    features = read_feature_file(tmp_path / "a.h5")
    plain = predictor.predict(features.features, features.coords, **made)
    np.testing.assert_allclose(written.X, plain.X, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(written.obsm["spatial"], grid.centres)
    assert written.obs["tile_id"].tolist() == list(range(70))
    assert set(written.obs["library_id"]) == {"a"}
    assert written.uns["histo"] == {"method": "STPath", "fm_backbone": "gigapath", "organ": "Breast", "tech": "Visium"}
    assert written.uns["past"]["method"] == "STPath, zero-shot"
    assert set(written.uns["spatial"]["a"]["images"]) == {"hires", "lowres"}


@pytest.mark.parametrize("library", ["scanpy", "squidpy"])
@pytest.mark.filterwarnings("ignore")  # scanpy's and squidpy's own
def test_others_draw_a_prediction_over_its_tissue(tmp_path: Path, predictor: Predictor, library: str) -> None:
    """As it was written, with no word but the gene's name: the thumbnail, and a disc on each tile of it."""
    drawing = pytest.importorskip(library, reason=f"{library} is not installed", exc_type=ImportError).pl
    slide, grid = open_slide(write_svs(tmp_path / "a.svs", section(2400, 1600))), plain_grid((2400, 1600), 200)
    embed_slide(tmp_path / "a.h5", slide, grid, ENCODER, {"slide": "x"})
    predict_features(predictor, slide, "a", tmp_path / "a.h5", "gigapath", out=tmp_path / "a.h5ad", genes=GENES)
    prediction = anndata.read_h5ad(tmp_path / "a.h5ad")
    if library == "scanpy":
        drawing.spatial(prediction, color="GENE3", show=False)
    else:
        drawing.spatial_scatter(prediction, color="GENE3")
    figure = plt.gcf()
    figure.savefig(tmp_path / "a.png", dpi=100)
    axes = figure.axes[0]
    (tissue,), (tiles,) = axes.images, axes.collections
    shown, about = np.asarray(tissue.get_array()), prediction.uns["spatial"]["a"]
    np.testing.assert_allclose(shown * (1 if shown.max() > 1 else 255), about["images"]["hires"], atol=1)
    boxes = np.array([path.get_extents().extents for path in tiles.get_paths()])
    factor = about["scalefactors"]["tissue_hires_scalef"]
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2 / factor
    drawn = np.lexsort(middles.round().T)  # in the order of their places: scanpy draws the highest values last
    np.testing.assert_allclose(middles[drawn], grid.centres, rtol=1e-5)
    np.testing.assert_allclose(boxes[:, 2:] - boxes[:, :2], 200 * factor, rtol=1e-3)  # side by side
    np.testing.assert_allclose(np.asarray(tiles.get_array())[drawn], prediction[:, "GENE3"].X.ravel(), rtol=1e-6)
    lower, upper = (np.sort(limits) for limits in (axes.get_xlim(), axes.get_ylim()))
    assert lower[0] < boxes[:, 0].max() < lower[1]  # and they are within what is shown
    assert upper[0] < boxes[:, 1].max() < upper[1]
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 50
    plt.close(figure)


def test_features_of_another_encoder_are_refused_and_both_named(tmp_path: Path, predictor: Predictor) -> None:
    slide = open_slide(write_svs(tmp_path / "a.svs", section(600, 400)))
    embed_slide(tmp_path / "a.h5", slide, plain_grid((600, 400)), ENCODER, {"slide": "x"})
    with pytest.raises(DataError, match=r"--encoder uni2_h: the weights .* read features of Prov-GigaPath: give that"):
        predict_features(predictor, slide, "a", tmp_path / "a.h5", "uni2_h")
    predictor.encoder = None
    predict_features(predictor, slide, "a", tmp_path / "a.h5", "uni2_h", genes=GENES)


@needs
def test_the_verbs_give_what_the_command_gives(tmp_path: Path, released: Path, predictor: Predictor) -> None:
    wsi = past.open_wsi(write_svs(tmp_path / "a.svs", section(2400, 1600), tile=(256, 256)), store=None)
    grid = past.tile(wsi, tile_px=32, mpp=0.5)
    with pytest.raises(DataError, match="0 tables of features"):
        predict_expression(wsi, released / "stfm.pth", vocabulary=released / "symbol2ensembl.json", device="cpu")
    embed_tiles(wsi, ENCODER, "gigapath")
    found = past.predict_expression(
        wsi, released / "stfm.pth", vocabulary=released / "symbol2ensembl.json", genes=GENES, device="cpu"
    )
    assert found.shape == (len(grid), 2)
    np.testing.assert_array_equal(found.obsm["spatial"], grid.centres)
    assert set(wsi.tables) == {"gigapath_tiles", "stpath_tiles"}
    features = np.asarray(wsi.tables["gigapath_tiles"].X)
    np.testing.assert_allclose(found.X, predictor.predict(features, grid.centres, genes=GENES).X, rtol=1e-5, atol=1e-6)
    with pytest.raises(DataError, match="no table 'uni_tiles', only gigapath_tiles, stpath_tiles"):
        predict_expression(
            wsi, released / "stfm.pth", vocabulary=released / "symbol2ensembl.json", features="uni_tiles"
        )
