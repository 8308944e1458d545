"""HEST-1k's `patches/<id>.h5` in place of the slide: crops of 224 px at 0.5 µm/px, one a spot."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from past.base.errors import DataError, reading
from past.base.foreign.hdf5 import open_hdf5
from past.base.joins import Rows, join, row_names

PATCH_PX: Final = 224
PATCH_MPP: Final = 0.5  # µm/px


class PatchPicture:
    """A slide of which only the patches are there, each where its spot lies, in pixels of 0.5 µm.

    Attributes:
        size: width and height, as far as the patches go.
    """

    def __init__(self, path: Path, rows: np.ndarray, corners: np.ndarray) -> None:
        self.size: tuple[int, int] = tuple((corners.max(axis=0) + PATCH_PX).tolist())
        self._path = path
        self._images: Any = open_hdf5(path)["img"]
        self._row_at = {(int(x), int(y)): int(row) for row, (x, y) in zip(rows, corners, strict=True)}

    @staticmethod
    def open(path: Path, names: Sequence[str], centres: np.ndarray) -> "tuple[PatchPicture, np.ndarray]":
        """Open the patches of spots at centres (n, 2); return them with the positions of the spots that have one.

        Raises:
            DataError: damaged, of another size, or of none of the spots.
        """
        said = "not HEST's patches, or damaged", "download it again"
        with open_hdf5(path, *said) as file, reading(path, *said):
            images: Any = file["img"]
            barcode: Any = file["barcode"]
            shape, kind = tuple(images.shape), images.dtype
            barcodes = row_names(np.asarray(barcode).ravel(), str(path))
        if shape != (len(barcodes), PATCH_PX, PATCH_PX, 3) or kind != np.uint8:
            raise DataError(
                f"{path}: patches of {shape}, {kind}, wanted {len(barcodes)} × {PATCH_PX} × {PATCH_PX} × 3, uint8"
            )
        rows = join(Rows(f"{path.stem}'s spots", names), Rows(str(path), barcodes))
        kept = np.flatnonzero(rows >= 0)
        if not len(kept):
            raise DataError(f"{path}: a patch of none of the {len(names)} spots: of another sample?")
        corners = np.floor(centres[kept] - PATCH_PX / 2 + 0.5).astype(np.int64)
        return PatchPicture(path, rows[kept], corners), kept

    def crop(self, box: tuple[int, int, int, int], /) -> Image.Image:
        """Return a patch.

        Raises:
            DataError: the box is none.
        """
        left, top, right, bottom = box
        row = self._row_at.get((left, top))
        if row is None or (right - left, bottom - top) != (PATCH_PX, PATCH_PX):
            raise DataError(
                f"{self._path}: patches of {PATCH_PX} px at {PATCH_MPP} µm/px only: "
                f"use --px {PATCH_PX} --mpp {PATCH_MPP}, or download the sample's wsis/*.tif"
            )
        return self._image(row)

    def reduce(self, factor: int, /) -> Image.Image:
        """Return the slide made smaller, white where no patch lies."""
        small = Image.new("RGB", (math.ceil(self.size[0] / factor), math.ceil(self.size[1] / factor)), "white")
        for (left, top), row in self._row_at.items():
            small.paste(self._image(row).reduce(factor), (left // factor, top // factor))
        return small

    def _image(self, row: int) -> Image.Image:
        with reading(self._path, f"patch {row} cannot be read", "download it again"):
            return Image.fromarray(self._images[row])
