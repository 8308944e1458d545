"""PAST without a head: a tile's expression is that of the training transcriptomes nearest to it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
import torch

from past.base.errors import DataError, require_number
from past.base.h5ad import read_counts
from past.base.keys import Keys
from past.base.vocabularies import word
from past.evaluation.hest.layout import read_sample
from past.evaluation.hest.protocols import tile_features
from past.evaluation.hest.spots import FoldData, Spots
from past.models.past.model import PASTModel
from past.models.past.tower import PASTCheckpoint, PASTTower
from past.models.past.transcriptomes import encode_spots
from past.slides.feature_cache import FeatureCache
from past.slides.frozen_encoder import Precision, weights_hash


class PASTNeighbours:
    """Predicts the mean expression of the k nearest training transcriptomes, weighted by their cosine similarity.

    Args:
        checkpoint: as in PASTCheckpoint.
        k: how many.
        cache: folder of the tiles' embeddings.
        technology: of all sections; None: as each h5ad's `uns['meta']['platform']` says.
        species: of all sections; None: as `uns['meta']['organism']` says.
        batch_size: tiles at a time.
        precision: as in FrozenEncoder.
        device: as in FrozenEncoder.
    """

    takes_recoloured_tiles = False  # whose colour was changed: its transcriptomes have no such twin

    def __init__(
        self,
        checkpoint: str | Path,
        k: int,
        cache: str | Path,
        technology: str | None = None,
        species: str | None = None,
        batch_size: int = 128,
        precision: Precision = "fp32",
        device: str | None = None,
    ) -> None:
        require_number("encoder.k", k, least=1)
        self.checkpoint = PASTCheckpoint(checkpoint)
        self.tower = PASTTower(checkpoint, "joint", precision, device)
        self.cache = FeatureCache(Path(cache), batch_size)
        self.k, self._said = k, {"platform": technology, "organism": species}

    @property
    def protocol(self) -> str:
        """Names what it does."""
        return f"PAST, {self.k} nearest training transcriptomes"

    def predictor(self, fold: int, mean_colour_removed: bool = False) -> Self:
        """Return itself: `predict` takes each fold's model."""
        return self

    def fingerprint_of(self, fold: int) -> str:
        """Return the hash of a fold's weights, of both sides."""
        return weights_hash(self.checkpoint.for_fold(fold)[0])

    def trained_on(self, fold: int) -> frozenset[str] | None:
        """See PASTCheckpoint.trained_on."""
        return self.checkpoint.trained_on(fold)

    def predict(self, fold: FoldData) -> np.ndarray:
        """Return (m, g) predicted log1p expression.

        Raises:
            DataError: fewer training spots than k, or a section that the model's tokenizer cannot read.
        """
        spots = sum(map(len, fold.train))
        if spots < self.k:
            raise DataError(f"{fold.title}: encoder.k={self.k}, but only {spots} training spots: use ≤ {spots}")
        model, saved = self.checkpoint.for_fold(fold.number)
        tower = self.tower.for_fold(fold.number)
        bank = torch.cat([self._transcriptomes(model, saved.tokenizer, sample) for sample in fold.train])
        tiles = np.concatenate([tile_features(tower, self.cache, fold.task, sample) for sample in fold.test])
        similarity, rows = (torch.from_numpy(tiles).float() @ bank.T).topk(self.k)
        # Cosines below 0 weigh nothing; a tile that resembles none of them gets their plain mean.
        weights = similarity.clamp(min=1e-6)
        weights = (weights / weights.sum(dim=1, keepdim=True)).numpy().astype(np.float64)
        expression = np.concatenate([sample.expression for sample in fold.train])
        return np.einsum("mk,mkg->mg", weights, expression[rows.numpy()])

    def _transcriptomes(self, model: PASTModel, tokenizer: Mapping[str, object], spots: Spots) -> torch.Tensor:
        adata, rows = read_sample(spots.source, spots.patches.rows)
        meta = adata.uns.get(Keys.META, {})
        words = {key: said or word(meta.get(key)) for key, said in self._said.items()}
        missing = [key for key, said in words.items() if not said]
        if missing:
            cures = {"platform": "encoder.technology=", "organism": "encoder.species="}
            raise DataError(f"{spots.name}: no uns['meta']['{missing[0]}']: give {cures[missing[0]]}")
        counts = read_counts(adata, spots.name, rows)
        genes, coords = list(map(str, adata.var_names)), spots.patches.coords.astype(float)
        return encode_spots(model, tokenizer, counts, genes, coords, str(words["platform"]), str(words["organism"]))
