"""Features that another program made, found by task and sample."""

from pathlib import Path

import numpy as np

from past.base.errors import DataError
from past.base.joins import join_all
from past.slides.features import SameInEveryFold, read_feature_file
from past.slides.tiles import PatchFile


class StoredFeatures(SameInEveryFold):
    """Features that lie on disk as `<folder>/<task>/<sample>.h5` or `<folder>/<sample>.h5`.

    Args:
        folder: where the HEST library (its `embeddings` files), TRIDENT or CLAM wrote them.
    """

    takes_recoloured_tiles = False
    normal_stain = False

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @property
    def fingerprint(self) -> str:
        """Where they lie: nothing else is known of what made them."""
        return str(self.folder.resolve())

    def features(
        self, task: str, sample: str, patches: PatchFile, cache: object = None, change: object = None
    ) -> np.ndarray:
        """Return (n, width) features in the order of the patch file's spots, found by barcode, else by place.

        Args:
            task: the task's name.
            sample: the sample's name.
            patches: names the tiles.
            cache: not needed.
            change: of tiles; none can be made here.

        Raises:
            DataError: no such file, or spots without features, or with some that are not finite.
        """
        places = [self.folder / task / f"{sample}.h5", self.folder / f"{sample}.h5"]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise DataError(f"{sample}: no features at {places[0]} or {places[1]}; write them there")
        found = read_feature_file(path)
        rows = join_all(patches.rows, found.rows(str(path)), "features", "make it again")
        return _finite(found.features[rows], patches, path)


def _finite(features: np.ndarray, patches: PatchFile, path: Path) -> np.ndarray:
    broken = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if len(broken):
        raise DataError(
            f"{path}: features of {len(broken)} of {len(patches)} spots are not finite "
            f"({patches.barcodes[broken[0]]}, …): make it again"
        )
    return features
