"""Real sections, rewritten as other platforms' folders, give the counts and places that `anndata` reads."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pytest
from platforms import write_space_ranger
from scipy.sparse import csr_matrix

from past.base.foreign.picture import open_picture
from past.data.sources.anndata import AnnDataSource
from past.data.sources.platform import SectionOptions
from past.data.sources.tissue import TissueSection
from past.data.sources.visium import VisiumSource

SECTIONS = [("her2st", name) for name in ("B4", "C2", "C3", "C4")] + [
    ("als", name)
    for name in ("CN51_C2_1", "CN51_C2_2", "CN52_C2_1", "CN52_C2_2", "CN62_E2", "CN63_C1", "CN63_E2", "L6CN51_E1_2")
]


def same(ours: TissueSection, theirs: TissueSection) -> None:
    """Assert the same cells, places and counts; the order may differ."""
    row_of = {name: i for i, name in enumerate(theirs.names)}
    rows = [row_of[name] for name in ours.names]
    assert len(rows) == len(theirs)
    np.testing.assert_allclose(theirs.centres[rows], ours.centres, atol=1e-6)
    assert (theirs.counts[rows] != ours.counts).nnz == 0
    assert theirs.mpp == pytest.approx(ours.mpp)


def given(adata: anndata.AnnData, image: Path | None = None) -> SectionOptions:
    meta = adata.uns["meta"]
    return SectionOptions(
        image=image,
        image_mpp=float(meta["um_per_px"]),
        patient=str(meta["patient"]),
        organ=str(meta["tissue"]),
        technology=str(meta["platform"]),
        species=str(meta["organism"]),
    )


@pytest.mark.parametrize(("study", "name"), SECTIONS)
def test_a_section_as_space_ranger_would_leave_it(real_data: Path, tmp_path: Path, study: str, name: str) -> None:
    path = real_data / study / f"{name}.h5ad"
    adata = anndata.read_h5ad(path)
    features = [(gene, f"ENSG{i:011d}", "Gene Expression") for i, gene in enumerate(adata.var_names)]
    counts: Any = csr_matrix(adata.X)
    outs = write_space_ranger(
        tmp_path / name, counts, features, list(adata.obs_names), np.asarray(adata.obsm["spatial"])
    )
    genes = tuple(map(str, adata.var_names))
    same(AnnDataSource(path).open(genes), VisiumSource(outs, given(adata, path.with_suffix(".jpg"))).open(genes))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("study", "name"), [("her2st", "B4"), ("als", "L6CN51_E1_2")])
def test_a_section_as_a_spatialdata_store(real_data: Path, tmp_path: Path, study: str, name: str) -> None:
    spatialdata = pytest.importorskip("spatialdata", reason="the extra 'spatial' is not installed")
    from spatialdata.models import Image2DModel, ShapesModel, TableModel

    from past.data.sources.spatialdata import SpatialDataSource

    path = real_data / study / f"{name}.h5ad"
    adata = anndata.read_h5ad(path)
    said = given(adata)
    picture: Any = open_picture(path.with_suffix(".jpg"))
    pixels = np.moveaxis(np.asarray(picture), -1, 0)
    image = Image2DModel.parse(pixels, dims=("c", "y", "x"), chunks=(3, 1024, 1024))
    spots = ShapesModel.parse(np.asarray(adata.obsm["spatial"]), geometry=0, radius=50)
    adata.obs["region"], adata.obs["spot"] = "spots", np.arange(adata.n_obs)
    table = TableModel.parse(adata, region="spots", region_key="region", instance_key="spot")
    store = tmp_path / f"{name}.zarr"
    spatialdata.SpatialData(images={"he": image}, shapes={"spots": spots}, tables={"table": table}).write(store)
    genes = tuple(map(str, adata.var_names))
    ours, theirs = AnnDataSource(path).open(genes), SpatialDataSource(store, said).open(genes)
    same(ours, theirs)
    crops = {record.name: record.crop for record in theirs.records(px=112, mpp=1.0, neighbours=0)}
    for record in ours.records(px=112, mpp=1.0, neighbours=0):
        np.testing.assert_array_equal(crops[record.name], record.crop)


def test_ncbi858_has_200_cells_and_338_genes(real_data: Path) -> None:
    source = AnnDataSource(real_data / "xenium" / "NCBI858.h5ad")
    tissue = source.open(source.genes())
    tissue.check()
    assert (len(tissue), tissue.counts.shape[1]) == (200, 338)
    assert tissue.section.patient == "Patient 24"
    assert tissue.section.technology == "Xenium"
    assert tissue.mpp == 2.125


def test_symbols_meet_a_vocabulary_of_ensembl_ids(real_data: Path) -> None:
    from past.base.genes import read_genes

    vocabulary = read_genes(real_data / "vocabulary" / "nicheformer_genes.h5ad")
    path = real_data / "xenium" / "NCBI858.h5ad"
    table = real_data / "vocabulary" / "human_symbol_ensembl.tsv.gz"
    tissue = AnnDataSource(path, SectionOptions(gene_tables=(table,))).open(vocabulary)
    unmapped = tissue.facts["genes_unmapped"]
    assert isinstance(unmapped, list)
    assert len(unmapped) == tissue.facts["genes_dropped"] < 34
    raw: Any = anndata.read_h5ad(path)[tissue.names].to_df().drop(columns=unmapped)
    np.testing.assert_array_equal(np.asarray(tissue.counts.sum(axis=1)).ravel(), raw.sum(axis=1).to_numpy())
