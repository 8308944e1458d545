"""What is done with a fold to predict its test spots; results of two protocols never share a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from past.evaluation.hest.spots import FoldData, Spots
from past.evaluation.probes.heads import Head
from past.evaluation.probes.reduction import Reduced, number_groups, principal_components, stack
from past.slides.feature_cache import FeatureCache
from past.slides.frozen_encoder import FrozenEncoder
from past.slides.stored_features import StoredFeatures
from past.slides.tile_colour import with_normal_stain, without_mean_colour


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
        parts = (
            tile_features(self.encoder, self.cache, fold.task, spots, self.mean_colour_removed) for spots in samples
        )
        return stack(parts, sum(map(len, samples)))


def tile_features(
    encoder: FrozenEncoder | StoredFeatures,
    cache: FeatureCache,
    task: str,
    spots: Spots,
    mean_colour_removed: bool = False,
) -> np.ndarray:
    """Return (n, width) features of a sample's tiles: stored, cached, or made now.

    Args:
        encoder: makes them, or holds them.
        cache: keeps them.
        task: the task's name.
        spots: the sample.
        mean_colour_removed: from the tiles, first.
    """
    if isinstance(encoder, StoredFeatures):
        return encoder.features(task, spots.name, spots.patches)
    change = without_mean_colour(spots.patches) if mean_colour_removed else None
    if encoder.normal_stain:
        change = with_normal_stain(spots.patches, change)
    return cache.features(encoder, spots.patches, f"{task} {spots.name}", change)
