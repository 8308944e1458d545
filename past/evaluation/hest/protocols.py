"""What is done with a fold to predict its test spots; results of two protocols never share a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from past.evaluation.hest.spots import FoldData, Spots
from past.evaluation.probes.heads import Head
from past.evaluation.probes.reduction import Reduced, number_groups, principal_components, stack
from past.slides.feature_cache import FeatureCache, TileChange
from past.slides.tile_colour import with_normal_stain, without_mean_colour
from past.slides.tiles import PatchFile


class FoldPredictor(Protocol):
    """What predicts the expression of a fold's test spots."""

    def predict(self, fold: FoldData) -> np.ndarray:
        """Return (m, g) predicted log1p expression of all test samples' spots, end to end."""
        ...


class TileFeatures(Protocol):
    """What gives the features of tiles: a FrozenEncoder, or StoredFeatures."""

    @property
    def normal_stain(self) -> bool:
        """Whether it wants tiles whose stain is brought to one."""
        ...

    def features(
        self, task: str, sample: str, patches: PatchFile, cache: FeatureCache, change: TileChange | None
    ) -> np.ndarray:
        """Return (n, width) features of a sample's tiles, `change` done to them first."""
        ...


@dataclass(frozen=True)
class Probe:
    """What stands between features and expression: the features' cache, the PCA's components, the head."""

    cache: FeatureCache
    head: Head
    components: int

    @property
    def protocol(self) -> str:
        """Names what is done."""
        return f"{self.head.name}, {self.components} components"


@dataclass(frozen=True)
class FrozenFeatures:
    """Features → principal components → a head."""

    encoder: TileFeatures
    probe: Probe
    mean_colour_removed: bool = False

    def predict(self, fold: FoldData) -> np.ndarray:
        """Return (m, g); training and test features are not held at the same time."""
        components = self.probe.components
        train, to_components = principal_components(self._stack(fold, fold.train), components, fold.title)
        test = to_components(self._stack(fold, fold.test))
        groups = number_groups([spots.patient for spots in fold.train for _ in range(len(spots))])
        expression = np.concatenate([spots.expression for spots in fold.train])
        return self.probe.head.predict(Reduced(train, expression, groups, test))

    def _stack(self, fold: FoldData, samples: Sequence[Spots]) -> np.ndarray:
        cache = self.probe.cache
        parts = (tile_features(self.encoder, cache, fold.task, spots, self.mean_colour_removed) for spots in samples)
        return stack(parts, sum(map(len, samples)))


def tile_features(
    encoder: TileFeatures, cache: FeatureCache, task: str, spots: Spots, mean_colour_removed: bool = False
) -> np.ndarray:
    """Return (n, width) features of a sample's tiles: stored, cached, or made now.

    Args:
        encoder: makes them, or holds them.
        cache: keeps them.
        task: the task's name.
        spots: the sample.
        mean_colour_removed: from the tiles, first.
    """
    change = without_mean_colour(spots.patches) if mean_colour_removed else None
    if encoder.normal_stain:
        change = with_normal_stain(spots.patches, change)
    return encoder.features(task, spots.name, spots.patches, cache, change)
