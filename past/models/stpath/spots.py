"""Measured spots beside their image: tiles at their own places, and what was counted there beside what is predicted."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix

from past.base.keys import Keys
from past.models.stpath.context import log_counts
from past.models.stpath.vocabulary import GeneVocabulary
from past.slides.tiling import TileGrid


@dataclass(frozen=True)
class Spots:
    """The spots of a sample.

    Attributes:
        names: (n,) their barcodes.
        centres: (n, 2) x, y in pixels of the image's largest resolution.
        counts: (n, f) raw counts.
        features: (f,) each gene's names.
    """

    names: Sequence[str]
    centres: np.ndarray
    counts: csr_matrix
    features: Sequence[tuple[str, ...]]

    @property
    def fingerprint(self) -> str:
        """Hash of names and places."""
        said = "\n".join(self.names).encode() + np.ascontiguousarray(self.centres, np.float64).tobytes()
        return hashlib.sha256(said).hexdigest()

    def grid(self, px: int, mpp: float, slide_mpp: float) -> TileGrid:
        """Return a tile around each spot.

        Args:
            px: side of the tiles in pixels.
            mpp: µm/px of the tiles.
            slide_mpp: µm/px of the image.
        """
        side = max(1, round(px * mpp / slide_mpp))
        return TileGrid(self.centres - side / 2, side, px, mpp)

    def beside(self, table: AnnData, rows: np.ndarray, genes: GeneVocabulary, asked: np.ndarray) -> AnnData:
        """Return a table of tiles by the spots' names, with what was measured.

        Args:
            table: of the tiles that are predicted, without values.
            rows: (m,) which spots these are.
            genes: the weights' vocabulary.
            asked: (g,) tokens that are predicted.

        Returns:
            `layers["measured"]` (m, g) log1p of counts, and `var["measured"]`: whether the gene is among the counted.
        """
        expression, counted = log_counts(self.counts, self.features, genes, np.arange(len(self.names)), len(self.names))
        found = AnnData(
            obs=pd.DataFrame(table.obs).set_index(pd.Index([self.names[row] for row in rows])),
            var=pd.DataFrame({Keys.MEASURED: np.isin(asked, counted)}, index=pd.Index(map(str, range(len(asked))))),
            uns=dict(table.uns),
        )
        found.layers[Keys.MEASURED] = csr_matrix(expression[rows][:, asked])
        return found
