"""Bundles as instruments leave them, written small: cells on a stained picture, in the official layouts."""

import gzip
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from PIL import Image, ImageDraw
from scipy.io import mmwrite
from scipy.sparse import csc_matrix, csr_matrix

GENES = [
    ("EPCAM", "ENSG00000119888"),
    ("KRT8", "ENSG00000170421"),
    ("CD3E", "ENSG00000198851"),
    ("COL1A1", "ENSG00000108821"),
]
CONTROLS = [
    ("NegControlProbe_00042", "Negative Control Probe"),
    ("NegControlCodeword_0500", "Negative Control Codeword"),
    ("UnassignedCodeword_0001", "Unassigned Codeword"),
    ("BLANK_0006", "Blank Codeword"),
]
PIXEL_SIZE = 0.2125
TURNED = np.array([[0.48, -0.31, 410.0], [0.29, 0.52, -35.0], [0.0, 0.0, 1.0]])  # rotated, scaled and a little sheared


def stained(size: tuple[int, int], centres: np.ndarray, radius: float = 5) -> Image.Image:
    """Glass, a piece of pink tissue around the centres, and a purple nucleus at each."""
    picture = Image.new("RGB", size, (238, 236, 240))
    draw = ImageDraw.Draw(picture)
    for reach, colour in ((8 * radius, (226, 160, 196)), (radius, (92, 60, 140))):
        for x, y in centres:
            draw.ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)
    return picture


def write_ome_tiff(path: Path, pixels: np.ndarray, levels: int = 1, **options: object) -> None:
    """Write an OME-TIFF, its lower resolutions in SubIFDs as Bio-Formats does."""
    import tifffile

    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(pixels, subifds=levels - 1, **options)
        for level in range(1, levels):
            file.write(pixels[:: 2**level, :: 2**level], subfiletype=1, **options)


@dataclass
class Bundle:
    """What a Xenium bundle says, and how to write it."""

    places: np.ndarray  # µm
    counts: np.ndarray  # cells × (genes and controls)
    cells: list[str]
    alignment: np.ndarray = field(default_factory=lambda: TURNED)
    pixel_size: float = PIXEL_SIZE

    @property
    def in_image(self) -> np.ndarray:
        """(n, 2) pixels of the H&E."""
        homogeneous = np.c_[self.places / self.pixel_size, np.ones(len(self.places))]
        return (np.linalg.inv(self.alignment) @ homogeneous.T).T[:, :2]


def a_bundle(cells: int = 60, seed: int = 0) -> Bundle:
    """Cells scattered over a turned H&E of 900 × 700 px."""
    rng = np.random.default_rng(seed)
    in_image = rng.uniform((60, 60), (840, 640), (cells, 2))
    places = (np.c_[in_image, np.ones(cells)] @ TURNED.T)[:, :2] * PIXEL_SIZE
    counts = rng.poisson(2.0, (cells, len(GENES) + len(CONTROLS))) + np.eye(
        cells, len(GENES) + len(CONTROLS), dtype=int
    )
    counts[:, 0] += 1
    names = ["".join(chr(97 + int(digit, 16)) for digit in f"{i * 977:08x}") + "-1" for i in range(cells)]
    return Bundle(places, counts, names)


def write_xenium(
    folder: Path,
    bundle: Bundle,
    *,
    table: str = "parquet",
    matrix: str = "h5",
    image: bool = True,
    version: str = "2.0.0.6",
) -> Path:
    """Write the bundle in the official layout; `table` parquet or csv.gz, `matrix` h5, zarr.zip or mtx."""
    folder.mkdir(parents=True)
    said = {
        "major_version": 5,
        "run_name": "test",
        "panel_tissue_type": "Breast",
        "panel_organism": "Human",
        "num_cells": len(bundle.cells),
        "pixel_size": bundle.pixel_size,
        "analysis_sw_version": f"xenium-{version}",
    }
    (folder / "experiment.xenium").write_text(json.dumps(said))
    columns = {
        "cell_id": bundle.cells,
        "x_centroid": bundle.places[:, 0],
        "y_centroid": bundle.places[:, 1],
        "transcript_counts": bundle.counts[:, : len(GENES)].sum(axis=1),
        "cell_area": np.full(len(bundle.cells), 50.0),
        "nucleus_area": np.full(len(bundle.cells), 20.0),
    }
    frame = pd.DataFrame(columns)
    if table == "parquet":
        frame.to_parquet(folder / "cells.parquet", index=False)
    else:
        frame.to_csv(folder / "cells.csv.gz", index=False)
    features = [(name, identity, "Gene Expression") for name, identity in GENES]
    features += [(name, name, kind) for name, kind in CONTROLS]
    write_matrix(folder, "cell_feature_matrix", matrix, bundle.counts, features, bundle.cells)
    if image:
        pixels = np.asarray(stained((900, 700), bundle.in_image))
        write_ome_tiff(folder / "test_he_image.ome.tif", pixels, levels=2, tile=(128, 128), photometric="rgb")
        np.savetxt(folder / "test_he_imagealignment.csv", bundle.alignment, delimiter=",", fmt="%.17g")
    return folder


def write_matrix(
    folder: Path, stem: str, form: str, counts: np.ndarray, features: list[tuple[str, str, str]], cells: list[str]
) -> None:
    """Write counts (cells, features) as a 10x matrix: h5, zarr.zip (Xenium's) or mtx."""
    if form == "h5":
        _write_h5(folder / f"{stem}.h5", csr_matrix(counts), features, cells)
    elif form == "zarr.zip":
        _write_zarr(folder / f"{stem}.zarr.zip", csc_matrix(counts), features, cells)
    else:
        _write_mtx(folder / stem, counts, features, cells)


def _write_h5(path: Path, counts: csr_matrix, features: list[tuple[str, str, str]], cells: list[str]) -> None:
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["barcodes"] = np.array(cells, dtype="S")
        for key in ("data", "indices", "indptr"):
            group[key] = getattr(counts, key).astype(np.int32 if key == "data" else np.int64)
        group["shape"] = np.array(counts.shape[::-1], dtype=np.int32)
        said = group.create_group("features")
        for key, column in (("name", 0), ("id", 1), ("feature_type", 2)):
            said[key] = np.array([feature[column] for feature in features], dtype="S")
        said["genome"] = np.array(["GRCh38"] * len(features), dtype="S")


def _write_zarr(path: Path, counts: csc_matrix, features: list[tuple[str, str, str]], cells: list[str]) -> None:
    import zarr
    from zarr.storage import ZipStore

    letters = str.maketrans("abcdefghijklmnop", "0123456789abcdef")
    numbers = [(int(name.split("-")[0].translate(letters), 16), int(name.split("-")[1])) for name in cells]
    with ZipStore(path, mode="w") as store:
        kinds = {"Gene Expression": "gene", "Negative Control Probe": "negative_control_probe"}
        said = {
            "number_cells": counts.shape[0],
            "number_features": counts.shape[1],
            "feature_keys": [name for name, _, _ in features],
            "feature_ids": [identity for _, identity, _ in features],
            "feature_types": [kinds.get(kind, "negative_control_codeword") for _, _, kind in features],
        }
        group = zarr.create_group(store, path="cell_features", attributes=said, zarr_format=2)
        for key, content in (
            ("data", counts.data.astype(np.uint32)),
            ("indices", counts.indices.astype(np.uint32)),
            ("indptr", counts.indptr.astype(np.uint32)),
            ("cell_id", np.array(numbers, dtype=np.uint32)),
        ):
            group.create_array(key, data=content)


def _write_mtx(folder: Path, counts: np.ndarray, features: list[tuple[str, str, str]], cells: list[str]) -> None:
    folder.mkdir(parents=True)
    with gzip.open(folder / "matrix.mtx.gz", "wb") as file:
        mmwrite(file, csr_matrix(counts).T.astype(int), field="integer")
    with gzip.open(folder / "features.tsv.gz", "wt") as file:
        file.writelines(f"{identity}\t{name}\t{kind}\n" for name, identity, kind in features)
    with gzip.open(folder / "barcodes.tsv.gz", "wt") as file:
        file.writelines(f"{name}\n" for name in cells)


def write_cells_zarr(path: Path, cells: list[str]) -> None:
    """Write the part of `cells.zarr.zip` that spatialdata-io wants: who the cells are."""
    import zarr
    from zarr.storage import ZipStore

    letters = str.maketrans("abcdefghijklmnop", "0123456789abcdef")
    numbers = [(int(name.split("-")[0].translate(letters), 16), int(name.split("-")[1])) for name in cells]
    with ZipStore(path, mode="w", compression=zipfile.ZIP_STORED) as store:
        group = zarr.open_group(store, mode="w", zarr_format=2)
        group.create_array("cell_id", data=np.array(numbers, dtype=np.uint32))
        summary = group.create_array("cell_summary", data=np.zeros((len(cells), 1)))
        summary.attrs["column_names"] = ["z_level"]


def write_space_ranger(
    outs: Path,
    counts: np.ndarray,
    features: list[tuple[str, str, str]],
    cells: list[str],
    places: np.ndarray,
    *,
    array: np.ndarray | None = None,
    matrix: str = "h5",
    positions: str = "tissue_positions.csv",
    scales: dict[str, float] | None = None,
) -> Path:
    """Write a folder as Space Ranger leaves it; places (n, 2) are x, y in pixels, array (n, 2) column and row."""
    (outs / "spatial").mkdir(parents=True)
    write_matrix(outs, "filtered_feature_bc_matrix", matrix, counts, features, cells)
    array = np.zeros((len(cells), 2), int) if array is None else array
    table = pd.DataFrame(
        {
            "barcode": cells,
            "in_tissue": 1,
            "array_row": array[:, 1],
            "array_col": array[:, 0],
            "pxl_row_in_fullres": places[:, 1],
            "pxl_col_in_fullres": places[:, 0],
        }
    )
    path = outs / "spatial" / positions
    if positions.endswith(".parquet"):
        table.to_parquet(path, index=False)
    else:
        table.to_csv(path, index=False, header=positions != "tissue_positions_list.csv")
    said = {"spot_diameter_fullres": 80.0, "tissue_hires_scalef": 0.1, "fiducial_diameter_fullres": 130.0}
    said = {**said, "tissue_lowres_scalef": 0.03, **(scales or {})}
    (outs / "spatial" / "scalefactors_json.json").write_text(json.dumps(said))
    for name in ("hires", "lowres"):
        Image.new("RGB", (60, 50), "white").save(outs / "spatial" / f"tissue_{name}_image.png")
    return outs
