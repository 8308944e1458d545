"""What says nothing changes nothing: the order of rows in a file, the spelling of barcodes, which side is up."""

from collections.abc import Callable
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from platforms import CONTROLS, GENES, Bundle, a_bundle, stained, write_space_ranger, write_xenium
from released_stpath import predictor, released, slide
from tiny_bench import run, write_task

from past.data.shards.records import CellRecord
from past.data.sources.anndata import AnnDataSource
from past.data.sources.platform import FileSource, SectionOptions
from past.data.sources.stimage import STImageSource
from past.data.sources.visium import VisiumSource
from past.data.sources.xenium import XeniumSource
from past.models.stpath.predict import Predictor
from past.slides.tiles import PatchFile, write_patches

__all__ = ["predictor", "released", "slide"]
SYMBOLS = tuple(name for name, _ in GENES)
GIVEN = SectionOptions(organ="breast", species="human", patient="P1", technology="Visium", image_mpp=0.5)
SIDE, SPOTS = 400, 20
few = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
seeds = st.integers(0, 1000)
Rows = tuple[list[str], np.ndarray, np.ndarray]  # names, places and counts of a section


def a_section(grid: bool) -> Rows:
    """Spots at whole pixels: on a grid, where neighbours are equally far, or scattered."""
    rng = np.random.default_rng(0)
    on_grid = np.stack(np.meshgrid(np.arange(5), np.arange(4)), -1).reshape(-1, 2) * 60.0 + 80
    places = on_grid if grid else rng.choice(240, (SPOTS, 2), replace=False) + 80.0
    return [f"spot{i}" for i in range(SPOTS)], places, rng.poisson(3, (SPOTS, len(GENES))) + 1


def permuted(rows: Rows, seed: int) -> Rows:
    order = np.random.default_rng(seed).permutation(len(rows[0]))
    return [rows[0][i] for i in order], rows[1][order], rows[2][order]


def write_anndata(folder: Path, one: Rows, other: Rows) -> FileSource:
    names, places, counts = one
    adata = anndata.AnnData(counts.astype(np.float32), obsm={"spatial": places})
    adata.obs_names, adata.var_names = names, list(SYMBOLS)
    adata.write_h5ad(folder / "S.h5ad")
    stained((SIDE, SIDE), a_section(grid=True)[1], radius=6).save(folder / "S.png")
    return AnnDataSource(folder / "S.h5ad", GIVEN)


def write_visium(folder: Path, one: Rows, other: Rows) -> FileSource:
    """The matrix in the one order, the table of places in the other."""
    features = [(name, identity, "Gene Expression") for name, identity in GENES]
    outs = write_space_ranger(folder / "outs", one[2], features, one[0], one[1])
    table = pd.DataFrame({"barcode": other[0], "in_tissue": 1, "array_row": 0, "array_col": 0})
    table[["pxl_row_in_fullres", "pxl_col_in_fullres"]] = other[1][:, ::-1]
    table.to_csv(outs / "spatial" / "tissue_positions.csv", index=False)
    stained((SIDE, SIDE), a_section(grid=True)[1], radius=6).save(folder / "S.png")
    return VisiumSource(outs, GIVEN)


def write_stimage(folder: Path, one: Rows, other: Rows) -> FileSource:
    for name in ("gene_exp", "coord", "image"):
        (folder / "Visium" / name).mkdir(parents=True)
    counts = pd.DataFrame(one[2], index=pd.Index(one[0]), columns=list(SYMBOLS))
    counts.to_csv(folder / "Visium/gene_exp/S_count.csv")
    places = pd.DataFrame({"yaxis": other[1][:, 1], "xaxis": other[1][:, 0], "r": 40.0}, index=pd.Index(other[0]))
    places.to_csv(folder / "Visium/coord/S_coord.csv")
    stained((SIDE, SIDE), a_section(grid=True)[1], radius=6).save(folder / "Visium/image/S.png")
    return STImageSource(folder / "Visium/gene_exp/S_count.csv", GIVEN)


def cells_of(source: FileSource) -> dict[str, tuple[list, bytes, list]]:
    """Name → counts of the cell and its neighbours, row after row; crop; distances and places of these."""
    tissue = source.open(SYMBOLS)

    def facts(cell: CellRecord) -> tuple[list, bytes, list]:
        rows = [
            list(zip(cell.genes[a:b].tolist(), cell.counts[a:b].tolist(), strict=True))
            for a, b in zip(cell.offsets[:-1], cell.offsets[1:], strict=True)
        ]
        return rows, cell.crop.tobytes(), cell.positions.tolist()

    return {cell.name: facts(cell) for cell in tissue.records(px=32, mpp=None, neighbours=5)}


Writer = Callable[[Path, Rows, Rows], FileSource]
writers = pytest.mark.parametrize("write", [write_anndata, write_visium, write_stimage])


def written(write: Writer, folder: Path, one: Rows, other: Rows) -> dict[str, tuple[list, bytes, list]]:
    folder.mkdir()
    return cells_of(write(folder, one, other))


@writers
@few
@given(seed=seeds)
def test_the_order_of_rows_in_any_file_of_a_section_changes_no_cell(
    write: Writer, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows, folder = a_section(grid=True), tmp_path_factory.mktemp("rows")
    before = written(write, folder / "before", rows, rows)
    assert written(write, folder / "after", permuted(rows, seed), permuted(rows, seed + 1)) == before


@writers
def test_other_barcodes_change_no_cell(write: Writer, tmp_path: Path) -> None:
    rows = a_section(grid=True)
    renamed = ([f"{i * 7919 % 101:03d}-{i}" for i in range(SPOTS)], *rows[1:])
    before, after = (written(write, tmp_path / name, own, own) for name, own in (("a", rows), ("b", renamed)))
    assert [after[name] for name in renamed[0]] == [before[name] for name in rows[0]]


@few
@given(seed=seeds)
def test_the_order_of_a_xenium_bundles_cells_changes_none(seed: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    pytest.importorskip("tifffile", reason="the extra 'wsi' is not installed")
    bundle, folder = a_bundle(30), tmp_path_factory.mktemp("bundle")
    order = np.random.default_rng(seed).permutation(30)
    shuffled = Bundle(bundle.places[order], bundle.counts[order], [bundle.cells[i] for i in order])
    found = []
    for name, cells in (("a", bundle), ("b", shuffled)):
        path = write_xenium(folder / name, cells)
        table = pd.read_parquet(path / "cells.parquet")
        table.sample(frac=1, random_state=seed).to_parquet(path / "cells.parquet", index=False)
        # drawn cell by cell, the picture depends on their order where nuclei overlap
        (path / "test_he_image.ome.tif").write_bytes((folder / "a/test_he_image.ome.tif").read_bytes())
        found.append(cells_of(XeniumSource(path, GIVEN)))
    assert found[0] == found[1]
    assert len(CONTROLS) == bundle.counts.shape[1] - len(GENES)


@pytest.mark.parametrize("turn", list(Image.Transpose))
def test_a_section_turned_with_its_coordinates_has_the_same_cells_turned(tmp_path: Path, turn: Image.Transpose) -> None:
    names, places, counts = a_section(grid=False)
    found = []
    for name in ("as it is", "turned"):
        (tmp_path / name).mkdir()
        there = places if name == "as it is" else turned(places, turn)
        source = write_anndata(tmp_path / name, (names, there, counts), (names, there, counts))
        if name == "turned":
            picture = Image.open(tmp_path / "as it is" / "S.png").transpose(turn)
            picture.save(tmp_path / name / "S.png")
        found.append(cells_of(source))
    for (rows, crop, at), (other_rows, other_crop, other_at) in zip(found[0].values(), found[1].values(), strict=True):
        pixels, others = (np.frombuffer(one, np.uint8).reshape(32, 32, 3) for one in (crop, other_crop))
        np.testing.assert_array_equal(np.asarray(Image.fromarray(pixels).transpose(turn)), others)
        away, others_away = (np.linalg.norm(np.array(one) - one[0], axis=1) for one in (at, other_at))
        np.testing.assert_allclose(away, others_away, atol=1e-9)
        assert [sorted(row) for row in rows] == [sorted(row) for row in other_rows]


def turned(places: np.ndarray, turn: Image.Transpose) -> np.ndarray:
    """Where points of a square picture lie after it is turned, by their own arithmetic."""
    x, y = places.T
    left, up = SIDE - x, SIDE - y
    there = {
        Image.Transpose.FLIP_LEFT_RIGHT: (left, y),
        Image.Transpose.FLIP_TOP_BOTTOM: (x, up),
        Image.Transpose.ROTATE_90: (y, left),
        Image.Transpose.ROTATE_180: (left, up),
        Image.Transpose.ROTATE_270: (up, x),
        Image.Transpose.TRANSPOSE: (y, x),
        Image.Transpose.TRANSVERSE: (up, left),
    }
    return np.stack(there[turn], axis=1)


def shuffle_bench(folder: Path, seed: int, rename: Callable[[str], str] = str) -> None:
    """Shuffle the rows of every file of a task, each by itself, and rename its barcodes."""
    for number, sample in enumerate("ABC"):
        rng = np.random.default_rng([seed, number])
        patches = PatchFile.open(folder / "patches" / f"{sample}.h5")
        order, images = rng.permutation(len(patches)), patches.images(0, len(patches))
        names = [rename(patches.barcodes[i]) for i in order]
        write_patches(patches.path, images[order], patches.coords[order], names)
        adata = anndata.read_h5ad(folder / "adata" / f"{sample}.h5ad")
        adata = adata[rng.permutation(adata.n_obs)].copy()
        adata.obs_names = [rename(name) for name in adata.obs_names]
        adata.write_h5ad(folder / "adata" / f"{sample}.h5ad")


def test_the_order_of_rows_and_other_barcodes_change_no_score(tmp_path: Path) -> None:
    folder = write_task(tmp_path)
    before = pd.read_parquet(run(tmp_path)[0] / "hest_bench.parquet")
    shuffle_bench(folder, seed=1, rename=lambda name: f"x{name[::-1]}")
    after = pd.read_parquet(run(tmp_path, out=tmp_path / "again")[0] / "hest_bench.parquet")
    for score in ("pearson", "l2_error", "r2_score"):
        np.testing.assert_allclose(before[score], after[score], atol=1e-6)


@few
@given(seed=seeds)
def test_the_order_of_spots_and_of_told_spots_changes_no_prediction(
    predictor: Predictor, slide: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    features, coords = slide
    names = [f"spot{i}" for i in range(len(coords))]
    context = anndata.AnnData(np.arange(12.0).reshape(3, 4), obsm={"spatial": coords[[2, 5, 7]].astype(float)})
    context.obs_names, context.var_names = [names[i] for i in (2, 5, 7)], ["GENE1", "GENE2", "TWIN1", "GENE9"]
    before = predictor.predict(features, coords, context=context, names=names)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(names))
    shuffled = context[rng.permutation(3), rng.permutation(4)].copy()
    new = [names[i] for i in order]
    after = predictor.predict(features[order], coords[order], context=shuffled, names=new)
    np.testing.assert_allclose(after[names].X, before.X, rtol=1e-4, atol=1e-5)
    quarter = np.stack([coords[:, 1], 5000 - coords[:, 0]], axis=1)
    context.obsm["spatial"] = quarter[[2, 5, 7]].astype(float)
    np.testing.assert_allclose(predictor.predict(features, quarter, context=context).X, before.X, rtol=1e-4, atol=1e-5)


def test_features_that_lie_in_another_order_are_found(tmp_path: Path) -> None:
    from past.slides.stored_features import StoredFeatures

    folder = write_task(tmp_path)
    patches = PatchFile.open(folder / "patches" / "A.h5")
    features = np.random.default_rng(0).normal(size=(len(patches), 3))
    order = np.random.default_rng(1).permutation(len(patches))
    for with_barcodes in (True, False):
        with h5py.File(tmp_path / "A.h5", "w") as file:
            file["features"], file["coords"] = features[order], patches.coords[order] + 0.3
            if with_barcodes:
                file["barcodes"] = np.array(patches.barcodes, dtype="S")[order]
        found = StoredFeatures(tmp_path).features("IDC", "A", patches)
        np.testing.assert_array_equal(found, features)
