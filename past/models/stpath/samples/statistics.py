"""What the genes and features of a set of slides are like: their means, their spread, who varies most."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from past.base.errors import DataError
from past.base.variable_genes import by_variance, variance_of
from past.data.shards.records import SlideRecord
from past.data.shards.slides import SlideSet

SLIDES = 64  # read for means and spreads; more do not move them
LEAST = 3  # counts in a slide below which it does not know a gene (published)


@dataclass(frozen=True)
class SlideStatistics:
    """Over all spots of some slides; genes are those of the set's list.

    Attributes:
        mean: (G,) mean log1p of raw counts.
        variance: (G,) its variance.
        detected: (G,) share of the spots that hold the gene.
        feature_mean: (F,) of the image features.
        feature_std: (F,) their standard deviation.
    """

    mean: np.ndarray
    variance: np.ndarray
    detected: np.ndarray
    feature_mean: np.ndarray
    feature_std: np.ndarray

    @staticmethod
    def of(slides: SlideSet) -> "SlideStatistics":
        """Read at most SLIDES slides, spread evenly over the set.

        Raises:
            DataError: there is none, or one is broken.
        """
        sections = slides.sections
        number = min(len(sections), SLIDES)
        if not number:
            raise DataError("there is no slide to learn genes from: the training split is empty")
        return _statistics((slides.get(sections[i * len(sections) // number]) for i in range(number)), slides)

    def by_variance(self) -> np.ndarray:
        """Return the positions of the genes that occur, most variable first; those found in few spots come last."""
        return by_variance(self.variance, self.detected)


def known_genes(slides: SlideSet) -> np.ndarray:
    """Return (G,) bool: genes of at least LEAST counts in one of the slides, all of which are read."""
    known = np.zeros(len(slides.index.genes), dtype=bool)
    for slide in slides:
        known |= np.bincount(slide.genes, slide.counts, len(known)) >= LEAST
    return known


def _statistics(slides: Iterable[SlideRecord], of: SlideSet) -> SlideStatistics:
    genes, spots = np.zeros((3, len(of.index.genes))), 0
    features = np.zeros((2, 1))
    for slide in slides:
        logged = np.log1p(slide.counts.astype(np.float64))
        genes += [np.bincount(slide.genes, logged**power, genes.shape[1]) for power in range(3)]
        values = slide.features.astype(np.float64)
        features = features + np.stack([values.sum(axis=0), (values**2).sum(axis=0)])
        spots += len(slide)
    detected, mean, square = genes / spots
    feature_mean, feature_square = features / spots
    spread = np.sqrt(np.maximum(feature_square - feature_mean**2, 0))
    return SlideStatistics(mean, variance_of(mean, square), detected, feature_mean, spread)
