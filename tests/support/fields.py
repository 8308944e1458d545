"""Smooth random fields on grids of spots, and places to say where they lie."""

import numpy as np
from scipy.spatial.distance import cdist

from past.evaluation.statistics.scores import FoldResult, Judged, TaskResult
from past.evaluation.statistics.units import Places


def grid(side: int, hexagonal: bool = False) -> np.ndarray:
    """Return (side², 2) places whose nearest neighbours are 1 apart."""
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(float(side)), np.arange(float(side))))
    return np.stack([x + 0.5 * (y % 2), y * np.sqrt(0.75)] if hexagonal else [x, y], axis=1)


def smooth(places: np.ndarray, length: float, fields: int, rng: np.random.Generator) -> np.ndarray:
    """Return (n, fields) Gaussian fields of variance 1 and correlation exp(-h² / (2 length²)); length 0: white."""
    white = rng.normal(size=(len(places), fields))
    if length == 0:
        return white
    covariance = np.exp(-(cdist(places, places) ** 2) / (2 * length**2))
    return np.linalg.cholesky(covariance + 1e-8 * np.eye(len(places))) @ white


def section(coords: np.ndarray, name: str = "S", patient: str = "P") -> Places:
    """Return the places of one section's spots."""
    return Places(np.repeat(patient, len(coords)), np.repeat(name, len(coords)), coords)


def judged(encoder: str, truth: np.ndarray, predicted: np.ndarray, places: Places, task: str = "IDC") -> TaskResult:
    """Return an encoder's result on one fold of (n, g) truth and predictions."""
    genes = tuple(f"G{i}" for i in range(truth.shape[1]))
    return TaskResult(task, encoder, (FoldResult.of(0, genes, Judged(truth, predicted, places), 9),))
