"""Likelihoods of survival times over the global batch.

Each takes this rank's b patients and a callable that brings all ranks' rows, with gradients summed over ranks, and
returns the loss of one process with the whole batch: averaged over ranks, as DDP does, gradients are that process's.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F

from past.base.distributed import gather_rows

Gather = Callable[[torch.Tensor], torch.Tensor]


def cox(risk: torch.Tensor, time: torch.Tensor, event: torch.Tensor, *, gather: Gather = gather_rows) -> torch.Tensor:
    """Cox's negative log partial likelihood per event, with Efron's ties (Efron 1977, JASA 72).

    -1/n Σₜ [Σᵢ∈D(t) ηᵢ - Σₗ₌₀..d-1 log(Σⱼ∈R(t) exp ηⱼ - l/d Σᵢ∈D(t) exp ηᵢ)] over the times t of n events; D(t) are
    the d patients with an event at t, R(t) those who are observed until t or longer. 0 where nobody has an event.

    Args:
        risk: (b,) log hazards η.
        time: (b,) until the event, or the end of observation.
        event: (b,) bool; False: censored.
        gather: brings all ranks' rows together, with gradients.
    """
    eta = gather(risk).double()
    time, event = gather(time), gather(event.to(time.dtype)).bool()
    eta = eta - eta.detach().max()
    times, of_time = time.unique(return_inverse=True)
    hazard = eta.exp()
    at_risk = _sums(hazard, of_time, len(times)).flip(0).cumsum(0).flip(0)
    died = event.nonzero()[:, 0]
    died = died[of_time[died].argsort(stable=True)]
    tied = of_time[died]  # ascending
    deaths = torch.bincount(tied, minlength=len(times))
    place = torch.arange(len(died), device=tied.device) - (deaths.cumsum(0) - deaths)[tied]
    left = at_risk[tied] - place.double() / deaths[tied] * _sums(hazard[died], tied, len(times))[tied]
    return ((left.log() - eta[died]).sum() / max(len(died), 1)).to(risk.dtype)


def _sums(values: torch.Tensor, group: torch.Tensor, groups: int) -> torch.Tensor:
    return values.new_zeros(groups).index_add(0, group, values)


def discrete_time(
    logits: torch.Tensor, interval: torch.Tensor, event: torch.Tensor, *, gather: Gather = gather_rows
) -> torch.Tensor:
    """Negative log likelihood per patient of hazards hₖ = σ(zₖ) in intervals of time (Zadeh & Schmid 2021, TPAMI 43).

    With S(k) = Πⱼ≤ₖ (1 - hⱼ): an event in interval k counts -log S(k-1) - log hₖ, a censored patient -log S(k).

    Args:
        logits: (b, K) z.
        interval: (b,) int64, that of the event or the end of observation.
        event: (b,) bool.
        gather: brings all ranks' rows together, with gradients.
    """
    survived = F.logsigmoid(-logits.double())
    through = survived.cumsum(1).gather(1, interval[:, None])[:, 0]
    z, alive = (values.gather(1, interval[:, None])[:, 0] for values in (logits.double(), survived))
    likelihood = through + torch.where(event, F.logsigmoid(z) - alive, 0.0)
    return -gather(likelihood).mean().to(logits.dtype)


def cut_points(time: np.ndarray, event: np.ndarray, intervals: int) -> np.ndarray:
    """Return (K - 1,) times between K intervals in which equally many of the (n,) events lie; fewer where times tie."""
    return np.unique(np.quantile(time[event], np.linspace(0, 1, intervals + 1)[1:-1]))


def interval_of(time: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """Return (n,) int64 numbers of the intervals of (n,) times; one that begins at a cut holds it."""
    return np.searchsorted(cuts, time, side="right")


def risk_of(logits: torch.Tensor) -> torch.Tensor:
    """Return (b,) one number a patient, higher is worse: -Σₖ S(k) of (b, K) logits of hazards."""
    return -F.logsigmoid(-logits).cumsum(1).exp().sum(1)
