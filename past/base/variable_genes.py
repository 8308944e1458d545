"""Which genes vary most: one order for all that choose genes, and the word `variable:N` that asks for it."""

import logging

import numpy as np

from past.base.errors import ConfigError

DETECTED = 0.1  # of the spots: genes found in fewer come after all others
VARIABLE = "variable:"
log = logging.getLogger(__name__)


def variance_of(mean: np.ndarray, square: np.ndarray) -> np.ndarray:
    """Return (G,) variances from (G,) means and mean squares; rounding makes none of them negative."""
    return np.maximum(square - mean**2, 0)


def by_variance(variance: np.ndarray, detected: np.ndarray, least: float = DETECTED) -> np.ndarray:
    """Return the positions of the genes that occur, most variable first; of equal variances the earlier first.

    Args:
        variance: (G,) of log1p expression.
        detected: (G,) share of the spots that hold the gene; those of 0 are left out.
        least: genes found in a smaller share of the spots come last (STPath's published choice leaves them out).
    """
    order = np.lexsort((-variance, detected < least))
    return order[detected[order] > 0]


def variable_count(vocabulary: str, most: int) -> int:
    """Return N of `variable:N`; where there are fewer genes, as on a small panel, all of them, and the log says so.

    Args:
        vocabulary: as the configuration gives it.
        most: how many genes there are to choose from.

    Raises:
        ConfigError: N is no number from 1 on.
    """
    number = vocabulary.removeprefix(VARIABLE)
    if not number.isdecimal() or int(number) < 1:
        raise ConfigError(f"data.samples.vocabulary={vocabulary}: give a number of genes, from 1 to {most}")
    if int(number) > most:
        log.info("data.samples.vocabulary=%s: there are %d genes to choose from, and all are taken", vocabulary, most)
    return min(int(number), most)
