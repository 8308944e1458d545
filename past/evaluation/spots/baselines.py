"""What a slide's prediction stands beside: the training mean, ridge on its features, the nearest measured spots."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from past.base.genes import gene_map
from past.data.shards.slides import SlideSet
from past.evaluation.probes.reduction import Reduced, principal_components
from past.evaluation.probes.ridge import RidgeHead


@dataclass(frozen=True)
class Baselines:
    """What the training slides say without a network.

    Attributes:
        mean: (g,) mean log1p counts of the training spots.
        components: of the PCA: those asked for, or as many as there are spots or features.
        ridge: features (m, F) → (m, g) log1p counts.
    """

    mean: np.ndarray
    components: int
    ridge: Callable[[np.ndarray], np.ndarray]

    @staticmethod
    def fit(train: SlideSet, genes: Sequence[str], components: int) -> "Baselines":
        """Fit on all spots of the training slides.

        The ridge is HEST-Bench's, which has no intercept: the mean is taken off before it and put back, which leaves
        Pearson r as it is and makes errors comparable.

        Args:
            train: the training slides.
            genes: (g,) names, of the slides' own list.
            components: of the PCA.
        """
        columns = gene_map(genes, train.index.genes)
        slides = [(slide.features, train.counts(slide)[:, columns].toarray()) for slide in train]
        features = np.concatenate([of_slide for of_slide, _ in slides]).astype(np.float32)
        expression = np.log1p(np.concatenate([counts for _, counts in slides]).astype(np.float64))
        kept = min(components, *features.shape)
        reduced, reduce = principal_components(features, kept, str(train.index.root))
        mean, groups = expression.mean(axis=0), np.zeros(len(reduced), dtype=np.int64)

        def ridge(asked: np.ndarray) -> np.ndarray:
            fold = Reduced(reduced, expression - mean, groups, reduce(asked.astype(np.float32)))
            return RidgeHead().predict(fold) + mean

        return Baselines(mean, kept, ridge)

    def predict(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Return way → (m, g) for features (m, F)."""
        return {
            f"ridge, {self.components} PCs": self.ridge(features),
            "training mean": np.tile(self.mean, (len(features), 1)),
        }


def nearest_measured(coords: np.ndarray, measured: np.ndarray, expression: np.ndarray, neighbours: int) -> np.ndarray:
    """Return (n, g): for every spot the mean of the measured spots nearest to it, of all where there are fewer.

    Args:
        coords: (n, 2) of all spots.
        measured: (c,) rows of the measured spots.
        expression: (c, g) theirs.
        neighbours: how many.
    """
    k = min(neighbours, len(measured))
    _, nearest = KDTree(coords[measured]).query(coords, k=k)
    return expression[np.reshape(nearest, (len(coords), k))].mean(axis=1)
