"""What the cells of a synthetic section express, and what an assay would count of it."""

import numpy as np

from past.data.sources.synthetic import profiles
from past.data.sources.synthetic.layout import Layout

_DISPERSION = 4.0  # of the negative binomial: variance = mean + mean² / dispersion
_CAUGHT = 0.92  # share of a cell's genes that the assay does not miss altogether
_SPREAD = 0.35  # of the log of the library size
_PATIENT = 0.25  # deviation of a gene's log level between patients


def patient_levels(rng: np.random.Generator) -> np.ndarray:
    """Return how a patient's log levels differ from the average patient's, (genes,)."""
    return rng.normal(0, _PATIENT, len(profiles.GENES))


def log_levels(layout: Layout) -> np.ndarray:
    """Return each cell's log level of each gene, up to a constant a cell, (n, genes).

    A level is the type's, shifted by the cell's own states and by what surrounds it.
    """
    rng = np.random.default_rng(0)  # the genes themselves are the same in every section
    base = rng.normal(-1.2, 0.5, len(profiles.GENES))
    base[profiles.positions_of(profiles.HOUSEKEEPING)] = rng.normal(0.9, 0.6, len(profiles.HOUSEKEEPING))
    levels = np.tile(base, (len(layout.types), 1))
    for i, cell in enumerate(profiles.TYPES):
        raised = 3.4 - 1.6 * np.arange(len(cell.markers)) / len(cell.markers)
        levels[np.ix_(layout.types == i, profiles.positions_of(cell.markers))] += raised
    for programme, strength in (
        (profiles.GROWTH, 1.1 * layout.growth),
        (profiles.STARVATION, 1.0 * layout.starvation),
        (profiles.INFLAMMATION, 2.6 * layout.inflammation - 0.6),
        (profiles.INVASION, 1.8 * layout.border - 0.6),
    ):
        loading = rng.uniform(0.7, 1.3, len(programme))
        levels[:, profiles.positions_of(programme)] += 0.5 + strength[:, None] * loading
    return levels


def draw_counts(rng: np.random.Generator, layout: Layout, patient: np.ndarray) -> np.ndarray:
    """Draw raw counts (n, genes): library size, gamma-Poisson noise and drop-out; at least one count a cell."""
    levels = log_levels(layout) + patient
    share = np.exp(levels - levels.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    mean = np.array([cell.counts for cell in profiles.TYPES])[layout.types] * np.exp(0.25 * layout.growth)
    library = mean * rng.lognormal(-(_SPREAD**2) / 2, _SPREAD, len(mean))
    rate = rng.gamma(_DISPERSION, share * library[:, None] / _DISPERSION)
    counts = rng.poisson(rate * (rng.uniform(size=rate.shape) < _CAUGHT))
    counts[np.arange(len(counts)), share.argmax(axis=1)] += counts.sum(axis=1) == 0
    return counts
