"""Patch files as HEST writes them: a sample's tiles, where they lie, and which spot each belongs to."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from past.base.disk.hdf5 import new_hdf5
from past.base.errors import DataError, reading
from past.base.foreign.hdf5 import open_hdf5
from past.base.h5ad import sha256_of
from past.base.joins import Rows, row_names

AGAIN = "download it again"


@dataclass(frozen=True)
class PatchFile:
    """The tiles of one sample, in an HDF5 file; the images stay on disk until they are asked for.

    Attributes:
        path: the file.
        barcodes: (n,) names of the spots.
        coords: (n, 2) places in pixels of the slide.
    """

    path: Path
    barcodes: tuple[str, ...]
    coords: np.ndarray

    def __len__(self) -> int:
        return len(self.barcodes)

    @staticmethod
    def open(path: Path) -> "PatchFile":
        """Read names and places.

        Raises:
            DataError: missing, broken, without one of `img`, `coords`, `barcode`, of unlike lengths, a barcode twice,
                or images that are not (n, H, W, 3) uint8.
        """
        if not path.is_file():
            raise DataError(f"{path}: no such patch file; is the benchmark downloaded whole?")
        with open_hdf5(path, cure=AGAIN) as file, reading(path, "not a patch file, or damaged", AGAIN):
            missing = [name for name in ("img", "coords", "barcode") if name not in file]
            if missing:
                raise DataError(f"{path}: no {', '.join(missing)} in it, but {', '.join(file)}: not a patch file")
            shape, dtype = tuple(file["img"].shape), file["img"].dtype  # type: ignore[union-attr]
            coords, names = np.asarray(file["coords"]), np.asarray(file["barcode"]).ravel()
            barcodes = tuple(row_names(names, str(path)))
        if len(shape) != 4 or shape[3] != 3 or dtype != np.uint8:
            raise DataError(f"{path}: img is {dtype} of shape {shape}; a patch file holds uint8 (n, H, W, 3)")
        if coords.ndim != 2 or coords.shape[1] != 2 or coords.dtype.kind not in "iuf":
            raise DataError(f"{path}: coords of shape {coords.shape}, {coords.dtype}: wanted (x, y) a tile; {AGAIN}")
        if not len(names) == len(coords) == shape[0]:
            raise DataError(f"{path}: {shape[0]} images, {len(coords)} coords, {len(names)} barcodes: make it again")
        return PatchFile(path, barcodes, coords)

    @property
    def rows(self) -> Rows:
        """What the tiles are known by."""
        return Rows(self.path.name, self.barcodes, self.coords)

    def images(self, start: int, stop: int) -> np.ndarray:
        """Return tiles start … stop - 1, (stop - start, H, W, 3) uint8 RGB."""
        fault = f"tiles {start}–{stop} cannot be read"
        with open_hdf5(self.path, cure=AGAIN) as file, reading(self.path, fault, AGAIN):
            return np.asarray(file["img"][start:stop])  # type: ignore[index]

    @cached_property
    def sha256(self) -> str:
        """Hash of the file's bytes."""
        return sha256_of(self.path)


def write_patches(path: Path, images: Iterable[np.ndarray], coords: np.ndarray, barcodes: list[str]) -> None:
    """Write a patch file, whole or not at all; the same tiles give the same bytes.

    Args:
        path: the file.
        images: n times (H, W, 3) uint8, held one at a time.
        coords: (n, 2) places in pixels of the slide.
        barcodes: (n,) names of the spots.
    """
    with new_hdf5(path) as file:
        file.create_dataset("coords", data=coords)
        file.create_dataset("barcode", data=np.array([[name.encode()] for name in barcodes]))
        for i, image in enumerate(images):
            if i == 0:
                shape = (len(barcodes), *image.shape)
                file.create_dataset("img", shape, np.uint8, chunks=(1, *image.shape), compression="gzip")
            file["img"][i] = image  # type: ignore[index]
