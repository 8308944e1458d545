"""The Kaplan–Meier estimate, and how many are still at risk."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """A step function from 1 at time 0.

    Attributes:
        times: (k,) at which it steps or somebody is censored, ascending, 0 first.
        survival: (k,) from each of these on.
    """

    times: np.ndarray
    survival: np.ndarray


def kaplan_meier(time: np.ndarray, event: np.ndarray) -> Curve:
    """Return Πₜ (1 - d(t)/n(t)) over the times of (n,) patients, d of whom have the event at t, n are at risk."""
    times = np.unique(time)
    died, exposed = (
        np.array([sums(t) for t in times]) for sums in (lambda t: event[time == t].sum(), lambda t: (time >= t).sum())
    )
    return Curve(np.append(0.0, times), np.append(1.0, np.cumprod(1 - died / exposed)))


def at_risk(time: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return how many of (n,) patients are still observed, without an event, at each of (k,) times."""
    return (time >= at[:, None]).sum(axis=1)
