"""Image features of a slide's tiles as HEST, TRIDENT, CLAM and LazySlide write them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.sparse import issparse

from past.base.errors import DataError, reading
from past.base.foreign.hdf5 import open_hdf5
from past.base.foreign.memory import require_memory
from past.base.h5ad import read_adata, read_places, require_inside
from past.base.joins import Rows, row_names

FEATURES = ("features", "embeddings")
NAMES = ("barcodes", "barcode")
SIDE = "patch_size_level0"


@dataclass(frozen=True)
class Features:
    """Features (N, F) of tiles around coords (N, 2), in the writer's own pixels; names (N) where it gave any."""

    features: np.ndarray
    coords: np.ndarray
    names: tuple[str, ...] | None = None

    def rows(self, where: str) -> Rows:
        """Return what the tiles are known by; `where` names the file."""
        return Rows(where, self.names, self.coords)


def read_feature_file(path: Path) -> Features:
    """Read a features file: `.h5` with `features` or `embeddings`, and `coords`; or an AnnData with `obsm['spatial']`.

    TRIDENT and `past embed` write the tiles' upper left corners, and their side in an attribute, `patch_size_level0`:
    half of it is added, so that coords are centres, as everywhere.

    Raises:
        DataError: missing, broken, without one of these, of unlike lengths, a name twice, or a side that is none.
    """
    if path.suffix == ".h5ad":
        adata = read_adata(path)
        coords = read_places(adata, path.name)
        if adata.X is None:
            raise DataError(f"{path}: no features in X; write the features of a tile as its row of X")
        features = _dense(adata.X, path)
        return Features(features, coords, tuple(row_names(adata.obs_names, str(path))))
    if not path.is_file():
        raise DataError(f"{path}: no such features file; give an .h5 or .h5ad file")
    with open_hdf5(path) as file, reading(path, "not a features file, or damaged", "copy it again"):
        found = list(file)
        features = next((np.asarray(file[name]) for name in FEATURES if name in file), None)
        coords = np.asarray(file["coords"]) if "coords" in file else None
        side = float(np.asarray(file["coords"].attrs.get(SIDE, 0)).item()) if coords is not None else 0.0  # type: ignore[union-attr]
        names = next((np.asarray(file[name]).ravel() for name in NAMES if name in file), None)
        text = None if names is None else tuple(row_names(names, str(path)))
    if features is None or coords is None:
        raise DataError(
            f"{path}: holds {', '.join(found) or 'nothing'}; needs 'features' or 'embeddings', and 'coords'"
        )
    if features.ndim == 3 and len(features) == 1:  # TRIDENT and CLAM may keep a batch axis
        features, coords = features[0], coords[0] if coords.ndim == 3 else coords
    for name, values in (("features", features), ("coords", coords)):
        if values.ndim != 2 or values.dtype.kind not in "iuf" or len(values) != len(features):
            raise DataError(
                f"{path}: {name} of shape {values.shape}, {values.dtype}, for features of shape {features.shape}: "
                "write a row of numbers a tile"
            )
    if not 0 <= side < np.inf:
        raise DataError(f"{path}: {SIDE} {side:g} is no tile's side: write the pixels of level 0 that a tile covers")
    if text is not None and len(text) != len(features):
        raise DataError(f"{path}: {len(text)} barcodes for {len(features)} tiles: write one a tile")
    return Features(features, coords + side / 2 if side else coords, text)


def _dense(matrix: Any, path: Path) -> np.ndarray:
    if not issparse(matrix):
        return np.asarray(matrix)
    kept = require_inside(matrix, str(path))
    whole = kept.dtype.itemsize * int(np.prod(kept.shape, dtype=object))
    require_memory(whole, f"{path}: its features with their zeros", "are they counts? give a model's features")
    return kept.toarray()


class SameInEveryFold(ABC):
    """What gives the same features in every fold of a benchmark, and does not say what it was trained on."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """What the features depend on."""

    def for_fold(self, fold: int) -> Self:
        """Return what gives a fold's features."""
        return self

    def fingerprint_of(self, fold: int) -> str:
        """Return what a fold's features depend on."""
        return self.fingerprint

    def trained_on(self, fold: int) -> frozenset[str] | None:
        """Return the sections and patients that a fold's model was trained on; None: not recorded."""
        return None
