"""Tables of a slide's tiles: numbered, named after the slide, with its picture behind them."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from whole_slides import section, write_svs

from past.base.errors import DataError
from past.nn.colour import ColourGrid
from past.slides.frozen_encoder import FrozenEncoder
from past.slides.slide import open_slide
from past.slides.tables import embed_tiles, grid_in, table_of
from past.slides.tiling import open_wsi, slide_of, tile

pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
needs = pytest.mark.skipif(find_spec("lazyslide") is None, reason="the extra 'wsi' is not installed")
SIZE = (2400, 1600)


def test_a_table_knows_its_slide(tmp_path: Path) -> None:
    slide = open_slide(write_svs(tmp_path / "a.svs", section(*SIZE)))
    table = table_of(slide, "a", np.array([3, 5]), 448)
    assert table.obs["tile_id"].tolist() == [3, 5]
    assert table.obs["library_id"].tolist() == ["a", "a"]
    about = table.uns["spatial"]["a"]
    for name, longest in (("hires", 75), ("lowres", 75)):
        picture, factor = about["images"][name], about["scalefactors"][f"tissue_{name}_scalef"]
        assert max(picture.shape[:2]) == longest
        assert picture.shape[1] == pytest.approx(SIZE[0] * factor, abs=1)
    assert about["scalefactors"]["spot_diameter_fullres"] == 448


@needs
def test_features_of_tiles_are_a_table_of_the_wsi(tmp_path: Path) -> None:
    wsi = open_wsi(write_svs(tmp_path / "a.svs", section(*SIZE), tile=(256, 256)), store=None)
    with pytest.raises(DataError, match=r"a\.svs: has no tiles yet: call past\.tile first"):
        grid_in(wsi)
    grid = tile(wsi, 32, 0.5)
    again = grid_in(wsi)
    np.testing.assert_array_equal(again.corners, grid.corners)
    assert (again.side, again.px, again.mpp) == (grid.side, grid.px, grid.mpp)
    encoder = FrozenEncoder(ColourGrid(2), device="cpu")
    table = embed_tiles(wsi, encoder, "grid", batch_size=16)
    tiles = np.stack([slide_of(wsi).tile(x, y, 32, 0.5) for x, y in grid.centres])
    np.testing.assert_array_equal(table.X, encoder(tiles))
    np.testing.assert_array_equal(table.obsm["spatial"], grid.centres)
    assert list(wsi.tables) == ["grid_tiles"]
