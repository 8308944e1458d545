"""What a slide's tiles become in AnnData: where they lie, which slide they are of, and its picture behind them."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from anndata import AnnData
from PIL import Image

from past.base.errors import DataError
from past.base.keys import Keys
from past.slides.slide import Slide, open_again
from past.slides.tile_reader import read_batches
from past.slides.tiling import TILES, TileGrid, slide_of

if TYPE_CHECKING:
    from wsidata import WSIData  # type: ignore[import-not-found]

    from past.slides.frozen_encoder import FrozenEncoder

SIZES: Final = (("hires", 2000), ("lowres", 600))  # px of the longer side of the pictures behind the tiles
TILE_ID, LIBRARY_ID = "tile_id", "library_id"


def table_of(slide: Slide, name: str, tile_ids: np.ndarray, side: int, skipped: int = 0) -> AnnData:
    """Return a table of tiles without values, which scanpy and squidpy draw over the slide.

    Args:
        slide: open.
        name: the slide's, of the library.
        tile_ids: (n,) numbers of the tiles.
        side: of a tile, in pixels of level 0.
        skipped: tiles that could not be read.

    Returns:
        `obs` with tile_id and library_id, `uns["spatial"][name]` with pictures and scale factors, `uns["slide"]`.
    """
    names = [f"{name}-{number}" for number in tile_ids]
    obs = pd.DataFrame({TILE_ID: tile_ids, LIBRARY_ID: pd.Categorical([name] * len(names))}, index=pd.Index(names))
    about = {
        "slide": slide.path.name,
        "slide_mpp": slide.mpp,
        "slide_mpp_source": slide.mpp_source,
        "tiles": len(names),
        "skipped": skipped,
    }
    return AnnData(obs=obs, uns={Keys.SPATIAL: {name: _picture(slide, side)}, "slide": about})


def embed_tiles(
    wsi: "WSIData", encoder: "FrozenEncoder", name: str, batch_size: int = 128, workers: int = 2
) -> AnnData:
    """Make the features of `wsi.shapes["tiles"]`, and keep them as `wsi.tables["<name>_tiles"]`.

    Args:
        wsi: a slide with tiles.
        encoder: makes the features.
        name: of the encoder.
        batch_size: tiles at a time.
        workers: threads that read and decode.

    Raises:
        DataError: no tiles, or one that cannot be read.
    """
    from spatialdata.models import TableModel

    slide, grid = slide_of(wsi), grid_in(wsi)
    features = np.empty((len(grid), encoder.width(grid.px)), encoder.dtype)  # held once: it may be a GB
    for batch in read_batches(lambda: open_again(slide), grid, 0, batch_size, workers):
        if batch.faults:
            raise DataError(batch.faults[0])
        features[batch.start : batch.stop] = encoder(batch.tiles)
    table = table_of(slide, Path(wsi.reader.file).stem, np.asarray(wsi.shapes[TILES][TILE_ID]), grid.side)
    made = AnnData(features, obs=pd.DataFrame(table.obs), uns=dict(table.uns))
    made.obsm[Keys.SPATIAL] = grid.centres
    made.uns[Keys.PAST] = {"encoder": name, "weights": encoder.fingerprint}
    made.obs["region"] = pd.Categorical([TILES] * len(made))
    kept = TableModel.parse(made, region=TILES, region_key="region", instance_key=TILE_ID)
    wsi.tables[f"{name}_{TILES}"] = kept
    return kept


def grid_in(wsi: "WSIData") -> TileGrid:
    """Return the tiles that a WSIData has, laid by us or by LazySlide.

    Raises:
        DataError: it has none.
    """
    spec: Any = wsi.tile_spec(TILES)
    if TILES not in wsi.shapes or spec is None:
        raise DataError(f"{wsi.reader.file}: has no tiles yet: call past.tile first")
    corners = wsi.shapes[TILES].geometry.bounds[["minx", "miny"]].to_numpy().round().astype(np.int64)
    if spec.mpp is None:
        raise DataError(f"{wsi.reader.file}: its tiles have no µm/px: call past.tile, or set the slide's with mpp=")
    return TileGrid(corners, int(spec.base_width), int(spec.width), float(spec.mpp))


def _picture(slide: Slide, side: int) -> dict[str, Any]:
    """Return what scanpy and squidpy expect of a slide."""
    small, step = slide.overview
    images, factors = {}, {"spot_diameter_fullres": float(side), "fiducial_diameter_fullres": float(side)}
    for name, longest in SIZES:
        picture = Image.fromarray(small)
        picture.thumbnail((longest, longest))
        images[name] = np.asarray(picture)
        factors[f"tissue_{name}_scalef"] = picture.width / (small.shape[1] * step)
    return {"images": images, "scalefactors": factors, "metadata": {"source_image_path": slide.path.name}}
