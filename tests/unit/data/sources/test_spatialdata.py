"""SpatialData stores: what spatialdata-io writes of a bundle is read back as the bundle is."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import pytest
from platforms import GENES, a_bundle, stained, write_cells_zarr, write_xenium
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.data.shards.settings import ShardSettings
from past.data.shards.write import write_section
from past.data.sources.platform import SectionOptions
from past.data.sources.spatialdata import SpatialDataSource
from past.data.sources.xenium import XeniumSource

spatialdata = pytest.importorskip("spatialdata", reason="the extra 'spatial' is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")
SYMBOLS = tuple(name for name, _ in GENES)


def a_store(path: Path, scale: float = 1.0, **broken: Any) -> tuple[Path, np.ndarray, np.ndarray]:
    """A store of spots on an image whose pixels are `scale` of the spots'; also its counts and places in the image."""
    from spatialdata.models import Image2DModel, ShapesModel, TableModel
    from spatialdata.transformations import Identity, Scale

    rng = np.random.default_rng(3)
    places = rng.uniform(60, 340, (30, 2))
    counts = rng.poisson(2.0, (30, len(GENES))) + 1
    pixels = np.moveaxis(np.asarray(stained((400, 400), places)), -1, 0)
    adata = anndata.AnnData(csr_matrix(counts.astype(np.float32)), var=pd.DataFrame(index=list(SYMBOLS)))
    adata.obs_names = [f"spot{i}" for i in range(30)]
    adata.obs["region"] = pd.Categorical(["spots"] * 30)
    adata.obs["spot_id"] = np.arange(30)
    spots = ShapesModel.parse(
        places / scale, geometry=0, radius=4, transformations={"global": Scale([scale] * 2, ("x", "y"))}
    )
    image = Image2DModel.parse(
        broken.get("pixels", pixels),
        dims=("c", "y", "x"),
        transformations={broken.get("system", "global"): Identity()},
        chunks=(3, 128, 128),
    )
    if "rows" in broken:
        spots = spots.iloc[: broken["rows"]]
    table = TableModel.parse(adata, region="spots", region_key="region", instance_key="spot_id")
    tables = {"table": table, **({"other": table.copy()} if "tables" in broken else {})}
    spatialdata.SpatialData(images={"he": image}, shapes={"spots": spots}, tables=tables).write(path)
    return path, counts, places


GIVEN = SectionOptions(
    organ="breast", species="human", technology="Spatial Transcriptomics", image_mpp=0.7, patient="P"
)


def test_places_come_through_the_transformations(tmp_path: Path) -> None:
    path, counts, places = a_store(tmp_path / "S.zarr", scale=2.5)
    source = SpatialDataSource(path, GIVEN)
    assert (source.name, source.genes()) == ("S", SYMBOLS)
    tissue = source.open(SYMBOLS)
    tissue.check()
    rows = [int(name.removeprefix("spot")) for name in tissue.names]
    np.testing.assert_allclose(tissue.centres, places[rows], atol=1e-6)
    np.testing.assert_array_equal(tissue.counts.toarray(), counts[rows])
    crop = next(tissue.records(px=8, mpp=None, neighbours=0)).crop
    assert np.abs(crop[4, 4].astype(int) - (92, 60, 140)).max() == 0


def test_a_xenium_run_is_the_same_by_its_bundle_and_by_its_store(tmp_path: Path) -> None:
    spatialdata_io = pytest.importorskip("spatialdata_io", reason="the extra 'spatial' is not installed")
    bundle = a_bundle()
    folder = write_xenium(tmp_path / "run", bundle)
    write_cells_zarr(folder / "cells.zarr.zip", bundle.cells)
    off = ("cells_boundaries", "nucleus_boundaries", "cells_labels", "nucleus_labels", "transcripts", "morphology_mip")
    store = spatialdata_io.xenium(
        folder, cells_as_circles=True, morphology_focus=False, aligned_images=False, **dict.fromkeys(off, False)
    )
    image, alignment = folder / "test_he_image.ome.tif", folder / "test_he_imagealignment.csv"
    store.images["he"] = spatialdata_io.xenium_aligned_image(image, alignment)
    store.write(tmp_path / "run.zarr")
    ours = XeniumSource(folder, SectionOptions(patient="P")).open(SYMBOLS)
    said = SectionOptions(organ="Breast", species="human", patient="P")
    theirs = SpatialDataSource(tmp_path / "run.zarr", said).open(SYMBOLS)
    row_of = {name: i for i, name in enumerate(theirs.names)}
    rows = [row_of[name] for name in ours.names]
    assert theirs.section.technology == "Xenium"
    assert theirs.mpp == pytest.approx(ours.mpp, rel=1e-6)
    np.testing.assert_allclose(theirs.centres[rows], ours.centres, atol=1e-6)
    np.testing.assert_array_equal(theirs.counts[rows].toarray(), ours.counts.toarray())
    box = (100, 50, 420, 300)
    np.testing.assert_array_equal(np.asarray(theirs.image.crop(box)), np.asarray(ours.image.crop(box)))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"system": "elsewhere"}, "spots and he share no coordinate system"),
        ({"pixels": np.zeros((1, 400, 400), np.uint16)}, "no H&E of three 8-bit channels .*uint16"),
        ({"rows": 20}, "10 of its 30 cells are not in spots"),
        ({"tables": 2}, "its tables are .*other.*: name one with --table"),
    ],
)
def test_a_store_that_does_not_hang_together_is_one_sentence(tmp_path: Path, broken: dict[str, Any], says: str) -> None:
    path, _, _ = a_store(tmp_path / "S.zarr", **broken)
    with pytest.raises(DataError, match=says):
        SpatialDataSource(path, GIVEN).open(SYMBOLS)


def test_a_folder_that_is_no_store_and_a_store_without_a_scale(tmp_path: Path) -> None:
    (tmp_path / "empty.zarr").mkdir()
    with pytest.raises(DataError, match="not a SpatialData store"):
        SpatialDataSource(tmp_path / "empty.zarr", GIVEN).open(SYMBOLS)
    with pytest.raises(DataError, match="no such folder"):
        SpatialDataSource(tmp_path / "none.zarr", GIVEN).open(SYMBOLS)
    path, _, _ = a_store(tmp_path / "S.zarr")
    with pytest.raises(DataError, match="do not tell µm/px"):
        SpatialDataSource(path, SectionOptions(organ="breast", species="human", technology="Visium")).open(SYMBOLS)


def test_another_table_is_refused_as_another_section(tmp_path: Path) -> None:
    path, _, _ = a_store(tmp_path / "S.zarr", tables=2)
    settings = ShardSettings("spatialdata", px=8, mpp=None, neighbours=0, image_format="png", cells_per_shard=100)
    for _ in range(2):
        write_section(tmp_path, SpatialDataSource(path, GIVEN, "table"), settings, SYMBOLS, lambda *_: None)
    with pytest.raises(DataError, match="holds section S from another source"):
        write_section(tmp_path, SpatialDataSource(path, GIVEN, "other"), settings, SYMBOLS, lambda *_: None)
