"""Counts and features in HDF5, Matrix Market and Zarr, and whole bundles of them."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import anndata
import h5py
import numpy as np
import pandas as pd
from platforms import GENES, a_bundle, stained, write_matrix, write_space_ranger, write_xenium
from scipy.sparse import csr_matrix

from fuzz import archives, hdf5, pictures, texts
from fuzz.case import Contents, Format
from past.base.genes import read_genes
from past.data.sources.anndata import AnnDataSource
from past.data.sources.hest import HestSource
from past.data.sources.platform import FileSource, SectionOptions
from past.data.sources.stimage import STImageSource
from past.data.sources.tenx import read_matrix, read_matrix_genes
from past.data.sources.visium import VisiumSource
from past.data.sources.xenium import XeniumSource
from past.slides.features import read_feature_file
from past.slides.tiles import PatchFile, write_patches

CELLS = 16
RNG = np.random.default_rng(0)
PLACES = RNG.uniform((60, 60), (300, 200), (CELLS, 2))
COUNTS = RNG.poisson(2.0, (CELLS, len(GENES))) + 1
FEATURES = [(name, identity, "Gene Expression") for name, identity in GENES]
BARCODES = [f"AAAC{i:04}-1" for i in range(CELLS)]
IMAGE = pictures.encoded("PNG", np.asarray(stained((360, 260), PLACES)))


def files_below(folder: Path) -> Contents:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def _adata(**parts: object) -> anndata.AnnData:
    obs = pd.DataFrame(
        {"cell_type": pd.Categorical(["a", "b"] * (CELLS // 2)), "n": range(CELLS)}, index=pd.Index(BARCODES)
    )
    var = pd.DataFrame({"gene_ids": [identity for _, identity in GENES]}, index=pd.Index([name for name, _ in GENES]))
    given = {"obsm": {"spatial": PLACES}, "uns": {"meta": {"um_per_px": 0.5, "patient": "P1", "image": "S.png"}}}
    return anndata.AnnData(csr_matrix(COUNTS, dtype=np.float32), obs, var, **{**given, **parts})


def _h5ad(adata: anndata.AnnData) -> bytes:
    with TemporaryDirectory() as folder:
        adata.write_h5ad(Path(folder) / "S.h5ad")
        return (Path(folder) / "S.h5ad").read_bytes()


def _section() -> Contents:
    dense = _adata(layers={"counts": COUNTS.astype(np.int32)})
    dense.X = np.log1p(COUNTS).astype(np.float32)
    return {"S.h5ad": _h5ad(_adata()), "T.h5ad": _h5ad(dense), "S.png": IMAGE}


def use(source: FileSource) -> None:
    """Read a section as `past shards` does, up to its first samples."""
    source.origin()
    tissue = source.open([name for name, _ in GENES])
    tissue.check()
    next(tissue.records(px=8, mpp=0.5, neighbours=2), None)


def _read_section(folder: Path) -> None:
    for path in sorted(folder.glob("*.h5ad")):
        read_genes(path)
        use(AnnDataSource(path, OPTIONS))


def _matrix(form: str):
    def make() -> Contents:
        with TemporaryDirectory() as folder:
            write_matrix(Path(folder), "matrix", form, COUNTS, FEATURES, BARCODES)
            return files_below(Path(folder))

    return make


def _read_matrix(name: str):
    def read(folder: Path) -> None:
        read_matrix_genes(folder / name)
        read_matrix(folder / name)

    return read


def _features() -> Contents:
    file = io.BytesIO()
    with h5py.File(file, "w") as made:
        made["features"] = RNG.normal(size=(1, CELLS, 6)).astype(np.float32)
        made["coords"] = PLACES.astype(np.int64)
        made["barcodes"] = np.array(BARCODES, dtype="S")
    adata = _adata()
    sparse = _h5ad(adata)
    adata.X = RNG.normal(size=adata.shape).astype(np.float32)
    return {"S.h5": file.getvalue(), "S.h5ad": _h5ad(adata), "T.h5ad": sparse}


def _read_features(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        read_feature_file(path)


def _patches(px: int = 8) -> Contents:
    with TemporaryDirectory() as folder:
        tiles = [RNG.integers(0, 255, (px, px, 3), dtype=np.uint8) for _ in range(CELLS)]
        write_patches(Path(folder) / "S.h5", tiles, PLACES.astype(int), BARCODES)
        return {"S.h5": (Path(folder) / "S.h5").read_bytes()}


def _read_patches(folder: Path) -> None:
    patches = PatchFile.open(folder / "S.h5")
    patches.images(0, min(4, len(patches)))


def _visium() -> Contents:
    with TemporaryDirectory() as folder:
        outs = Path(folder) / "S" / "outs"
        array = np.stack([np.arange(CELLS) % 4, np.arange(CELLS) // 4], axis=1)
        for form, name in (("h5", "tissue_positions.csv"),):
            write_space_ranger(
                outs, COUNTS, FEATURES, BARCODES, PLACES, array=array, matrix=form, positions=name,
                scales={"microns_per_pixel": 0.5},
            )  # fmt: skip
        (outs / "spatial" / "tissue_positions.parquet").write_bytes(
            _parquet(pd.read_csv(outs / "spatial" / "tissue_positions.csv"))
        )
        (outs / "spatial" / "tissue_positions.csv").unlink()
        (outs / "S.png").write_bytes(IMAGE)
        return {name: body for name, body in files_below(Path(folder)).items() if "res_image" not in name}


def _parquet(table: pd.DataFrame) -> bytes:
    file = io.BytesIO()
    table.to_parquet(file, index=False)
    return file.getvalue()


def _xenium() -> Contents:
    with TemporaryDirectory() as folder:
        write_xenium(Path(folder) / "S", a_bundle(CELLS), image=True)
        return files_below(Path(folder))


def _hest() -> Contents:
    import geopandas
    import shapely
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(file, np.asarray(stained((360, 260), PLACES)), photometric="rgb", tile=(64, 64))
    transcripts = pd.DataFrame(
        {
            "cell_id": [BARCODES[i % CELLS] for i in range(64)],
            "feature_name": [GENES[i % len(GENES)][0] for i in range(64)],
            "qv": 40.0,
            "he_x": np.repeat(PLACES[:, 0], 4),
            "he_y": np.repeat(PLACES[:, 1], 4),
        }
    )
    outlines = geopandas.GeoDataFrame(
        {"cell_id": BARCODES}, geometry=[shapely.Point(x, y).buffer(4) for x, y in PLACES], crs=None
    )
    with TemporaryDirectory() as folder:
        outlines.to_parquet(Path(folder) / "cells.parquet")
        cells = (Path(folder) / "cells.parquet").read_bytes()
    said = b"id,dataset_title,patient,organ,study_link,species,st_technology,pixel_size_um_estimated\n"
    said += b"A,T,P1,Breast,,Homo sapiens,Xenium,0.5\n"
    return {
        "st/A.h5ad": _h5ad(_adata()),
        "wsis/A.tif": file.getvalue(),
        "metadata/A.json": b'{"id": "A", "organ": "Breast", "pixel_size_um_estimated": 0.5, "patient": "P1"}',
        "HEST_v1.csv": said,
        "transcripts/A_transcripts.parquet": _parquet(transcripts),
        "xenium_seg/A_xenium_cell_seg.parquet": cells,
    }


def _stimage() -> Contents:
    counts = pd.DataFrame(COUNTS, index=pd.Index(BARCODES), columns=pd.Index([name for name, _ in GENES]))
    places = pd.DataFrame({"yaxis": PLACES[:, 1], "xaxis": PLACES[:, 0], "r": 10.0}, index=pd.Index(BARCODES))
    return {
        "Visium/gene_exp/A_count.csv": counts.to_csv().encode(),
        "Visium/coord/A_coord.csv": places.to_csv().encode(),
        "Visium/image/A.png": IMAGE,
        "meta/meta_all.csv": b"slide,tissue,species,patient\nA,breast,human,P1\n",
    }


OPTIONS = SectionOptions(patient="P1", organ="Breast", technology="Visium", species="Homo sapiens")
_CSV, _H5 = texts.table_of(","), [hdf5.hdf5_of]
_MTX = {
    "matrix/matrix.mtx.gz": [archives.gzipped(texts.table_of(" "))],
    "matrix/features.tsv.gz": [archives.gzipped(texts.table_of("\t"))],
    "matrix/barcodes.tsv.gz": [archives.gzipped(texts.table_of("\t"))],
}
FORMATS = {
    "h5ad": Format(_section, _read_section, {"S.h5ad": _H5, "T.h5ad": _H5}, 500, damage=0.3, alone=True),
    "tenx_h5": Format(_matrix("h5"), _read_matrix("matrix.h5"), {"matrix.h5": _H5}, 600, damage=0.3),
    "tenx_mtx": Format(_matrix("mtx"), _read_matrix("matrix/matrix.mtx.gz"), _MTX, 500),
    "tenx_zarr": Format(
        _matrix("zarr.zip"), _read_matrix("matrix.zarr.zip"),
        {"matrix.zarr.zip": [
            archives.zip_members(texts.json_of, "cell_features/.zattrs"),
            archives.zip_members(texts.json_of, ".zarray"), archives.zip_headers,
        ]}, 500,
    ),
    "features_h5": Format(
        _features, _read_features, {"S.h5": _H5, "S.h5ad": _H5, "T.h5ad": _H5}, 500, damage=0.3, alone=True
    ),
    "patches_h5": Format(_patches, _read_patches, {"S.h5": _H5}, 1_000, damage=0.3),
    "visium": Format(
        _visium, lambda folder: use(VisiumSource(folder / "S" / "outs", OPTIONS)),
        {
            "S/outs/spatial/tissue_positions.parquet": [], "S/outs/spatial/scalefactors_json.json": [texts.json_of],
            "S/outs/filtered_feature_bc_matrix.h5": _H5,
        }, 500, damage=0.4,
    ),
    "xenium": Format(
        _xenium, lambda folder: use(XeniumSource(folder / "S", OPTIONS)),
        {
            "S/experiment.xenium": [texts.json_of], "S/cells.parquet": [], "S/cell_feature_matrix.h5": _H5,
            "S/test_he_imagealignment.csv": [_CSV], "S/test_he_image.ome.tif": [pictures.tiff_of],
        }, 500, damage=0.4,
    ),
    "hest": Format(
        _hest, lambda folder: use(HestSource(folder / "st" / "A.h5ad", OPTIONS)),
        {
            "st/A.h5ad": _H5, "metadata/A.json": [texts.json_of], "HEST_v1.csv": [_CSV],
            "transcripts/A_transcripts.parquet": [], "xenium_seg/A_xenium_cell_seg.parquet": [],
        }, 500, damage=0.4,
    ),
    "stimage": Format(
        _stimage, lambda folder: use(STImageSource(folder / "Visium" / "gene_exp" / "A_count.csv", OPTIONS)),
        {
            "Visium/gene_exp/A_count.csv": [_CSV], "Visium/coord/A_coord.csv": [_CSV], "meta/meta_all.csv": [_CSV],
        }, 500, damage=0.4,
    ),
}  # fmt: skip
