"""Xenium output bundles (versions 1 to 3) with their registered H&E image."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from past.base.errors import DataError, reading
from past.base.foreign.picture import open_picture
from past.base.text.reading import read_json
from past.base.text.tables import read_cells
from past.data.shards.entries import is_mpp
from past.data.sources.platform import FileSource, RawSection
from past.data.sources.tables import numbers_of, only_file, only_picture, read_table, rows_named
from past.data.sources.tenx import MIN_QUALITY, Matrix, find_matrix, read_matrix, read_matrix_genes

MATRIX = "cell_feature_matrix"


@dataclass(frozen=True)
class XeniumSource(FileSource):
    """A bundle's folder; its image and alignment lie in it or beside it.

    Attributes:
        alignment: the matrix from pixels of the H&E to pixels of the morphology image, as Xenium Explorer exports it.
    """

    alignment: Path | None = None

    @property
    def name(self) -> str:
        """The folder's name, or that of its parent where it is called outs."""
        folder = self.path.resolve()
        return folder.parent.name if folder.name == "outs" else folder.name

    def files(self) -> list[Path]:
        """Return experiment, cells, matrix, image and alignment."""
        folders = [self.path, self.path.resolve().parent]
        return [
            only_file([self.path], ["experiment.xenium"], "description of the run", "give the folder that holds it"),
            only_file([self.path], ["cells.parquet", "cells.csv.gz"], "cell table", "copy it from the instrument"),
            find_matrix(self.path, MATRIX),
            self.options.image or only_picture(folders, ["*he_*.tif*"], "H&E image", "--image"),
            self.alignment
            or only_file(
                folders,
                ["*he_imagealignment.csv", "*imagealignment.csv"],
                "alignment of the H&E",
                "export it from Xenium Explorer, or give it with --alignment",
            ),
        ]

    def features(self) -> list[tuple[str, ...]]:
        """Return the panel's genes."""
        return read_matrix_genes(find_matrix(self.path, MATRIX))

    def read(self) -> RawSection:
        """Read the bundle: places from µm to pixels of the H&E, counts of genes."""
        experiment, cells, matrix_path, image, alignment = self.files()
        said = _experiment(experiment)
        pixel_size = float(said["pixel_size"])
        matrix = read_matrix(matrix_path)
        table = _cells(cells, matrix, matrix_path)
        to_morphology = read_alignment(alignment)
        places = numbers_of(table, ["x_centroid", "y_centroid"], cells)
        scale = np.sqrt(abs(np.linalg.det(to_morphology[:2, :2])))
        return RawSection(
            section=self.options.section(
                self.name,
                technology="Xenium",
                organ=said.get("panel_tissue_type"),
                species=said.get("panel_organism"),
            ),
            image=open_picture(image),
            mpp=self.options.image_mpp or pixel_size * scale,
            centres=to_image(places / pixel_size, to_morphology),
            counts=matrix.counts,
            features=matrix.features,
            names=matrix.barcodes,
            controls=matrix.controls,
            facts={
                "software": said.get("analysis_sw_version", "unknown"),
                "min_quality_value": MIN_QUALITY,
            },
        )


def read_alignment(path: Path) -> np.ndarray:
    """Read the 3 × 3 matrix that takes pixels (x, y, 1) of the H&E to pixels of the morphology image.

    Raises:
        DataError: it is not such a matrix.
    """
    with reading(path, "not a matrix of 3 × 3 numbers", "export it again"):
        matrix = np.array([[float(word) for word in row] for row in read_cells(path, "export it again")])
    flat = matrix.shape != (3, 3) or not np.isfinite(matrix).all()
    if flat or not np.allclose(matrix[2], (0, 0, 1)) or abs(np.linalg.det(matrix)) < 1e-9:
        raise DataError(f"{path}: {matrix.tolist()} does not turn one image into the other: export it again")
    return matrix


def to_image(places: np.ndarray, to_morphology: np.ndarray) -> np.ndarray:
    """Take places (n, 2) in pixels of the morphology image to pixels of the H&E, by the inverse of its alignment."""
    back = np.linalg.inv(to_morphology)
    return places @ back[:2, :2].T + back[:2, 2]


def _experiment(path: Path) -> dict[str, Any]:
    said = read_json(path, "copy it again")
    size = said.get("pixel_size") if isinstance(said, dict) else None
    if not is_mpp(size):
        raise DataError(f"{path}: no experiment.xenium with a pixel_size above 0 ({size!r:.40}): copy it again")
    return said


def _cells(path: Path, matrix: Matrix, matrix_path: Path) -> pd.DataFrame:
    """Return the cell table's rows in the order of the matrix."""
    table = read_table(path, ["cell_id", "x_centroid", "y_centroid"])
    table = rows_named(table, table["cell_id"], matrix.barcodes, str(matrix_path), path.name)
    counts = np.asarray(matrix.counts.sum(axis=1)).ravel()
    if "transcript_counts" in table:
        differ = int((counts != table["transcript_counts"]).sum())
        if differ > len(counts) / 10:
            raise DataError(
                f"{matrix_path}: at {differ} of {len(counts)} cells its counts are not the transcript_counts of "
                f"{path.name}: a matrix of another panel or run? copy both from one bundle"
            )
    return table
