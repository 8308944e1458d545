"""One slide predicted from a share of its spots' expression, by STPath and by what it stands beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix

from past.base.errors import DataError
from past.base.genes import gene_map
from past.data.shards.records import SlideRecord
from past.data.shards.slides import raw_counts
from past.evaluation.spots.baselines import Baselines, nearest_measured
from past.evaluation.spots.scores import ScoredSpots
from past.evaluation.statistics.units import Places
from past.models.stpath.predict import Predictor
from past.models.stpath.vocabulary import technology_or_padding

OURS, ALONE = "STPath", "STPath zero-shot"


@dataclass(frozen=True)
class PredictedSlide:
    """A slide predicted at one mask ratio.

    Attributes:
        slide: its S spots.
        scored: (m,) rows of the masked spots, ascending.
        truth: (S, g) float64 log1p counts.
        predicted: way of predicting → (S, g), the model's first.
    """

    slide: SlideRecord
    scored: np.ndarray
    truth: np.ndarray
    predicted: Mapping[str, np.ndarray]

    def spots(self) -> ScoredSpots:
        """Return the masked spots."""
        patient, name = (str(self.slide.meta[key]) for key in ("patient", "section"))
        patients, sections = (np.repeat(word, len(self.scored)) for word in (patient, name))
        predicted = {way: values[self.scored] for way, values in self.predicted.items()}
        places = Places(patients, sections, self.slide.coords[self.scored])
        return ScoredSpots("section", name, places, self.truth[self.scored], predicted)


@dataclass(frozen=True)
class SlidePredictor:
    """STPath, and what it stands beside.

    Attributes:
        model: STPath.
        baselines: fitted on the training slides; None: these are not at hand.
        measured: gene list of the slides.
        genes: those that are predicted.
        neighbours: measured spots whose mean is a prediction.
        seed: of the choice of measured spots; at a lower mask ratio the same and more are measured.
    """

    model: Predictor
    baselines: Baselines | None
    measured: Sequence[str]
    genes: Sequence[str]
    neighbours: int
    seed: int

    def __call__(self, slide: SlideRecord, mask_ratio: float) -> PredictedSlide:
        """Predict every spot of `slide` from the share 1 − `mask_ratio` of them; below 1 at least one spot is told.

        Raises:
            DataError: too few spots.
        """
        spots, counts = len(slide), raw_counts(slide, len(self.measured))
        told = 0 if mask_ratio == 1 else max(1, round((1 - mask_ratio) * spots))
        if told >= spots:
            raise DataError(
                f"section {slide.meta['section']}: {spots} spots, of which {told} would be told: leave it out"
            )
        order = np.random.default_rng(self.seed).permutation(spots)
        rows = order[:told]
        truth = np.log1p(counts[:, gene_map(self.genes, self.measured)].toarray().astype(np.float64))
        predicted = {OURS: self._ask(slide, counts, rows)}
        if told:
            predicted[ALONE] = self._ask(slide, counts, rows[:0])
            near = nearest_measured(slide.coords, rows, truth[rows], self.neighbours)
            predicted[f"nearest {self.neighbours} measured"] = near
        predicted |= self.baselines.predict(slide.features) if self.baselines else {}
        return PredictedSlide(slide, np.sort(order[told:]), truth, predicted)

    def _ask(self, slide: SlideRecord, counts: csr_matrix, rows: np.ndarray) -> np.ndarray:
        """Return the model's (S, g) prediction in context of the spots `rows`."""
        context = None
        if len(rows):
            context = (rows.tolist(), AnnData(counts[rows], var=pd.DataFrame(index=pd.Index(list(self.measured)))))
        technology = str(slide.meta["technology"])
        found = self.model.predict(
            slide.features,
            slide.coords,
            organ=str(slide.meta["organ"]),
            technology=technology if technology_or_padding(technology) else None,
            genes=self.genes,
            context=context,
        )
        return np.asarray(found.X, dtype=np.float64)


def spot_table(
    found: PredictedSlide, genes: Sequence[str], clusters: tuple[np.ndarray | None, np.ndarray | None]
) -> pd.DataFrame:
    """Return a row a spot: its place, its genes and cluster, measured and by the model; NaN, -1 where it was told.

    Args:
        found: the prediction.
        genes: (g,) names.
        clusters: (m,) of the scored spots' measured and predicted expression.
    """
    slide, scored = found.slide, found.scored
    ours = np.full(found.truth.shape, np.nan)
    ours[scored] = found.predicted[OURS][scored]
    columns: dict[str, object] = {"sample": str(slide.meta["section"]), "barcode": slide.meta["spots"]}
    columns |= {"x": slide.coords[:, 0], "y": slide.coords[:, 1]}
    for kind, values, of_scored in zip(("truth", "predicted"), (found.truth, ours), clusters, strict=True):
        regions = np.full(len(slide), -1)
        regions[scored] = -1 if of_scored is None else of_scored
        columns[f"{kind} cluster"] = regions
        columns |= {f"{kind}:{gene}": values[:, i].astype(np.float32) for i, gene in enumerate(genes)}
    return pd.DataFrame(columns)
