"""Sides of a fold, made up: two hundred lives whose risk is known."""

import numpy as np

from past.evaluation.survival.baselines import Side


def side(n: int, seed: int) -> tuple[Side, np.ndarray]:
    """Return patients and their log hazards."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=n)
    time = np.round(40 * rng.exponential(np.exp(-risk)) + 1, 1)
    censored = rng.uniform(5, 120, n).round(1)
    none = np.zeros((n, 0))
    return Side(tuple(map(str, range(n))), np.minimum(time, censored), time <= censored, none, none, none), risk
