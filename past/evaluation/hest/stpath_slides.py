"""STPath without a head: a test slide's expression from its tiles' features, alone or in context of measured spots."""

from functools import lru_cache
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
from anndata import AnnData
from torch import nn

from past.base.errors import ConfigError
from past.base.h5ad import read_counts
from past.base.text.tables import read_words
from past.base.vocabularies import word
from past.evaluation.hest.encoders import TileEncoder, frozen
from past.evaluation.hest.layout import read_sample
from past.evaluation.hest.protocols import tile_features
from past.evaluation.hest.spots import FoldData, Spots
from past.models.stpath.predict import Predictor, load_stpath
from past.slides.feature_cache import FeatureCache


class STPathSlides:
    """Predicts each test slide by itself; nothing of the training slides is used.

    Args:
        weights: a directory of `past import stpath`, or a training run's `.ckpt`.
        features: the encoder whose features the weights read, or features stored by it.
        context: share of a slide's spots whose measured expression is told; these are not scored.
        cache: folder of the features.
        metadata: HEST-1k's csv, for organ and technology; where it is missing, neither is told.
        batch_size: tiles at a time.
        device: as in FrozenEncoder.
        seed: of the choice of measured spots.
    """

    takes_recoloured_tiles = False  # whose colour was changed: it reads the features that its weights were trained on

    def __init__(
        self,
        weights: str | Path,
        features: nn.Module | TileEncoder,
        context: float,
        cache: str | Path,
        metadata: str | Path | None = None,
        batch_size: int = 128,
        device: str | None = None,
        seed: int = 0,
    ) -> None:
        if not 0 <= context < 1:
            raise ConfigError(f"encoder.context={context}: give a share of the spots from 0 to below 1")
        self._load = lru_cache(maxsize=1)(lambda: load_stpath(weights, device=device))
        self.features = frozen(features, device)
        self.context, self.seed = context, seed
        self.cache = FeatureCache(Path(cache), batch_size)
        self.metadata = Path(metadata) if metadata else None

    @property
    def protocol(self) -> str:
        """Names what it does."""
        return f"STPath, {self.context:.0%} of the spots measured" if self.context else "STPath, zero-shot"

    def predictor(self, fold: int, mean_colour_removed: bool = False) -> Self:
        """Return itself: every fold has the same weights."""
        return self

    def fingerprint_of(self, fold: int) -> list[object]:
        """Return the hash of the weights, and the fingerprint of the features that they read."""
        return [self._load().made_with["weights_sha256"], self.features.fingerprint_of(fold)]

    def trained_on(self, fold: int) -> frozenset[str] | None:
        """Return None: released weights do not say."""
        return None

    def predict(self, fold: FoldData) -> np.ndarray:
        """Return (m, g) predicted log1p expression; rows of NaN are the measured spots, which are not scored."""
        predictor = self._load()
        return np.concatenate([self._slide(predictor, fold, spots) for spots in fold.test])

    def _slide(self, predictor: Predictor, fold: FoldData, spots: Spots) -> np.ndarray:
        by_place = np.lexsort(spots.patches.coords.T)  # drawn in this order, whatever the file's
        drawn = np.random.default_rng(self.seed).random(len(spots)) < self.context
        measured = np.sort(by_place[drawn])
        context = None
        if len(measured):
            adata, rows = read_sample(spots.source, spots.patches.rows)
            told = AnnData(read_counts(adata, spots.name, rows[measured]), var=pd.DataFrame(adata.var))
            context = (measured.tolist(), told)
        organ, technology = self._facts().get(spots.name, (None, None))
        found = predictor.predict(
            tile_features(self.features.for_fold(fold.number), self.cache, fold.task, spots),
            spots.patches.coords,
            organ=organ,
            technology=technology,
            genes=fold.genes,
            context=context,
        )
        predicted = found.to_df().to_numpy(np.float64)
        predicted[measured] = np.nan
        return predicted

    def _facts(self) -> dict[str, tuple[str | None, str | None]]:
        """Return sample → (organ, technology)."""
        if self.metadata is None or not self.metadata.is_file():
            return {}
        rows = read_words(self.metadata, ["id", "organ", "st_technology"], "give HEST-1k's metadata csv")
        return {row["id"]: (word(row["organ"]), word(row["st_technology"])) for row in rows}
