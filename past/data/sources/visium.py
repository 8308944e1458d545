"""Space Ranger's `outs/`: Visium spots, and Visium HD's bins of 2, 8 or 16 µm."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from past.base.errors import DataError, reading
from past.base.foreign.picture import open_picture
from past.base.text.reading import read_json
from past.data.sources.platform import FileSource, RawSection
from past.data.sources.tables import numbers_of, only_file, only_picture, read_table, rows_named
from past.data.sources.tenx import find_matrix, read_matrix, read_matrix_genes

MATRIX: Final = "filtered_feature_bc_matrix"
BINS: Final = (2, 8, 16)  # µm
PITCH: Final = (
    50.0,
    50.0 * np.sqrt(3),
)  # µm from array column to column and row to row: spots lie 100 µm apart, in hexagons
IMAGES: Final = ("*.btf", "*.tif", "*.tiff", "*.jpg", "*.jpeg", "*.png")
PLACES: Final = ["pxl_col_in_fullres", "pxl_row_in_fullres"]  # x, y
COLUMNS: Final = ["barcode", "in_tissue", "array_row", "array_col", "pxl_row_in_fullres", "pxl_col_in_fullres"]


@dataclass(frozen=True)
class VisiumSource(FileSource):
    """A folder `outs/`; the full-resolution image lies in it, or beside it, or is given.

    Attributes:
        bin_um: side of Visium HD's bins; None: spots of Visium.
    """

    bin_um: int | None = None

    @property
    def name(self) -> str:
        """The folder's name, or its parent's where it is called outs; with the bin's side where there are bins."""
        folder = self.path.resolve()
        own = folder.parent.name if folder.name == "outs" else folder.name
        return own if self.bin_um is None else f"{own}_{self.bin_um:03d}um"

    @property
    def _folder(self) -> Path:
        bins = self.path / "binned_outputs"
        if self.bin_um is None and bins.is_dir():
            raise DataError(f"{self.path}: bins of Visium HD, and no spots: give --bin {' or '.join(map(str, BINS))}")
        folder = self.path if self.bin_um is None else bins / f"square_{self.bin_um:03d}um"
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; give Space Ranger's outs/, and --bin for Visium HD")
        return folder

    def files(self) -> list[Path]:
        """Return matrix, positions, scale factors and full-resolution image."""
        spatial = self._folder / "spatial"
        names = ["tissue_positions.parquet", "tissue_positions.csv", "tissue_positions_list.csv"]
        return [
            find_matrix(self._folder, MATRIX),
            only_file([spatial], names, "table of the spots' places", "copy the folder 'spatial' from Space Ranger"),
            only_file([spatial], ["scalefactors_json.json"], "scale", "copy the folder 'spatial' from Space Ranger"),
            self.picture_file(),
        ]

    def picture_file(self) -> Path:
        """Return the full-resolution image that is given, or lies in the folder or beside it."""
        outs = self.path.resolve()
        return self.options.image or only_picture(
            [outs, outs.parent], IMAGES, "full-resolution H&E image", "--image, once a section"
        )

    def features(self) -> list[tuple[str, ...]]:
        """Return the matrix's genes."""
        return read_matrix_genes(find_matrix(self._folder, MATRIX))

    def read(self) -> RawSection:
        """Read the spots under tissue, their places in pixels of the full-resolution image."""
        matrix_path, positions, scale, image = self.files()
        matrix = read_matrix(matrix_path)
        places = read_positions(positions)
        table = rows_named(places, places["barcode"], matrix.barcodes, str(matrix_path), positions.name)
        technology = "Visium" if self.bin_um is None else "Visium HD"
        return RawSection(
            section=self.options.section(self.name, technology=technology),
            image=open_picture(image),
            mpp=self.options.image_mpp or self._mpp(scale, table),
            centres=numbers_of(table, PLACES, positions),
            counts=matrix.counts,
            features=matrix.features,
            names=matrix.barcodes,
            controls=matrix.controls,
        )

    def _mpp(self, path: Path, table: pd.DataFrame) -> float:
        """Return µm/px of the full-resolution image: as Space Ranger says, else by the lattice of the spots."""
        said = _scales(path)
        if "microns_per_pixel" in said:
            with reading(path, "its microns_per_pixel is no number", "copy it again"):
                return float(said["microns_per_pixel"])
        array = on_array(table[["array_col", "array_row"]].to_numpy(np.float64), self.bin_um)
        mpp = fitted_mpp(array, table[PLACES].to_numpy(np.float64))
        if mpp is None:
            raise DataError(f"{self.name}: its {len(table)} spots do not tell µm/px: give the image's with --image-mpp")
        return mpp


def read_positions(path: Path) -> pd.DataFrame:
    """Read the spots' barcodes and places, from any of Space Ranger's tables (before version 2 it had no header)."""
    if path.name == "tissue_positions_list.csv":
        return read_table(path, COLUMNS, header=None, names=COLUMNS)
    return read_table(path, COLUMNS)


def on_array(array: np.ndarray, bin_um: int | None) -> np.ndarray:
    """Return µm (n, 2) of spots or bins from their (column, row) on the array (n, 2)."""
    return array * (PITCH if bin_um is None else (bin_um, bin_um))


def fitted_mpp(known: np.ndarray, places: np.ndarray) -> float | None:
    """Return µm/px that best takes places (n, 2) in pixels to known µm (n, 2), turned, mirrored and shifted as may be.

    None where the places lie on one line, or are off by more than 10 µm at the mean.
    """
    frame = np.c_[known, np.ones(len(known))]
    if np.linalg.matrix_rank(frame) < 3:
        return None
    turned = np.linalg.lstsq(frame, places, rcond=None)[0]
    off = np.sqrt(((frame @ turned - places) ** 2).sum(axis=1).mean())
    scale = float(np.sqrt(abs(np.linalg.det(turned[:2]))))  # px/µm
    return None if scale == 0 or off / scale > 10 else 1 / scale


def _scales(path: Path) -> dict[str, Any]:
    said = read_json(path, "copy it again")
    if not isinstance(said, dict):
        raise DataError(f"{path}: not JSON of scale factors: copy it again")
    return said
