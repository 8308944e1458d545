"""What is done with a fold to predict its test spots; results of two protocols never share a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from past.evaluation.bench_data import FoldData, Spots
from past.evaluation.heads import Head
from past.evaluation.reduction import Reduced, number_groups, principal_components, stack
from past.inference.feature_cache import FeatureCache
from past.inference.frozen_encoder import FrozenEncoder
from past.inference.stored_features import StoredFeatures
from past.inference.tile_colour import with_normal_stain, without_mean_colour


class Predictor(Protocol):
    """What predicts the expression of a fold's test spots; one that needs no head names itself in `protocol`."""

    def predict(self, fold: FoldData) -> np.ndarray:
        """Return (m, g) predicted log1p expression of all test samples' spots, end to end."""
        ...


@dataclass(frozen=True)
class FrozenFeatures:
    """Features of a frozen encoder, or stored ones, → principal components → a head."""

    encoder: FrozenEncoder | StoredFeatures
    cache: FeatureCache
    head: Head
    components: int
    mean_colour_removed: bool = False

    def predict(self, fold: FoldData) -> np.ndarray:
        """Return (m, g); training and test features are not held at the same time."""
        train, to_components = principal_components(self._stack(fold, fold.train), self.components, fold.title)
        test = to_components(self._stack(fold, fold.test))
        groups = number_groups([spots.patient for spots in fold.train for _ in range(len(spots))])
        expression = np.concatenate([spots.expression for spots in fold.train])
        return self.head.predict(Reduced(train, expression, groups, test))

    def _stack(self, fold: FoldData, samples: Sequence[Spots]) -> np.ndarray:
        return stack((self._features(fold.task, spots) for spots in samples), sum(map(len, samples)))

    def _features(self, task: str, spots: Spots) -> np.ndarray:
        if isinstance(self.encoder, StoredFeatures):
            return self.encoder.features(task, spots.name, spots.patches)
        change = without_mean_colour(spots.patches) if self.mean_colour_removed else None
        if self.encoder.normal_stain:
            change = with_normal_stain(spots.patches, change)
        return self.cache.features(self.encoder, spots.patches, f"{task} {spots.name}", change)
