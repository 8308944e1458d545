"""A run's fold, opened: its two sides as the baselines take them, and what its model says of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from past.base.runs import Run
from past.evaluation.survival.baselines import Risks, Side
from past.models.survival.model import SurvivalModel
from past.models.survival.predict import Predicted, predict, predict_risk
from past.models.survival.samples.bags import BagSamples

AT_ONCE = 64  # patients without slides in a batch


@dataclass(frozen=True)
class JudgedFold:
    """A training's model and the fold that it was trained in.

    Attributes:
        run: of the training.
        seed: of it.
        checkpoint: its file.
        model: ready.
        samples: the cohort and the fold.
    """

    run: Run
    seed: int
    checkpoint: Path
    model: SurvivalModel
    samples: BagSamples

    @property
    def number(self) -> int:
        """Of the fold."""
        return self.samples.fold

    @property
    def train(self) -> list[str]:
        """Patients of the training side, validated on or not."""
        return self.samples.present(self.samples.sides.train)

    @property
    def test(self) -> list[str]:
        """Patients of the test side."""
        return self.samples.present(self.samples.sides.test)

    def predicted(self) -> tuple[Risks, Predicted]:
        """Return the model's risks of both sides, and all that it says of the test side."""
        bags, size = self.samples.bags, 1 if self.samples.files else AT_ONCE
        found = predict(self.model, bags.batches(self.test, size))
        ends = None if found.survival is None else np.append(bags.cuts, max(p.time for p in bags.cohort.values()))
        return Risks(predict_risk(self.model, bags.batches(self.train, size)), found.risk, found.survival, ends), found


def side_of(samples: BagSamples, names: Sequence[str]) -> Side:
    """Return what the baselines take of these patients; features are averaged over all tiles of a patient."""
    there = samples.present(names)
    patients = [samples.cohort[name] for name in there]
    none = np.full(len(samples.scores.sets), np.nan)
    return Side(
        tuple(there),
        np.array([patient.time for patient in patients]),
        np.array([patient.event for patient in patients]),
        np.array([patient.covariates for patient in patients], dtype=np.float64),
        np.array([samples.scores.of.get(name, none) for name in there], dtype=np.float64).reshape(len(there), -1),
        np.stack([_mean_tile(samples, name) for name in there]),
    )


def _mean_tile(samples: BagSamples, name: str) -> np.ndarray:
    tiles = samples.bags.read(name).tiles
    return torch.from_numpy(tiles).double().mean(dim=0).numpy()  # NaN of no tiles
