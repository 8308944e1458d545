"""What one way's risks are worth in a fold: numbers of which any resampling of the test patients can be had.

Censoring is weighed by the training patients' (IPCW). Values are scikit-survival's, which tests compare.
"""

from typing import Any, Final

import numpy as np

from past.evaluation.statistics.concordance import Mean, dynamic_auc, harrell, uno
from past.evaluation.statistics.resampling import Resampled
from past.evaluation.survival.baselines import Risks, Side

MONTHS: Final = {"1y": 12.0, "3y": 36.0, "5y": 60.0}
FOLLOWED: Final = 0.8  # of the longest training time: τ
GRID: Final = 100  # times at which the Brier score is integrated
NAMES: Final = {
    "c": "Harrell's C",
    "uno": "Uno's C",
    **{f"auc@{at}": f"AUC at {at}" for at in MONTHS},
    "brier": "Brier",
}


def score(train: Side, test: Side, risks: Risks) -> dict[str, Resampled]:
    """Return Harrell's C, Uno's C up to τ, the AUC at 1, 3 and 5 years, the integrated Brier score up to τ."""
    tau = FOLLOWED * train.time.max()
    time, event, risk = test.time, test.event, risks.test
    observed = observed_until(train, time)
    found: dict[str, Resampled] = {"c": harrell(time, event, risk), "uno": uno(time, event, risk, observed, tau)}
    for name, at in MONTHS.items():
        found[f"auc@{name}"] = dynamic_auc(time, event, risk, observed, at)
    found["brier"] = Mean(_brier(train, test, risks, tau))
    return found


def observed_until(train: Side, at: np.ndarray) -> np.ndarray:
    """Return (k,) the probability to be observed until (k,) times, by the training side; ∞ where it is 0."""
    from sksurv.nonparametric import CensoringDistributionEstimator

    known = CensoringDistributionEstimator().fit(_outcome(train))
    found = np.asarray(known.predict_proba(np.minimum(at, train.time.max())))
    return np.where(found > 0, found, np.inf)


def survival_at(train: Side, risks: Risks, times: np.ndarray) -> np.ndarray:
    """Return (m, k) probabilities of the test side to survive until (k,) times.

    By the way's own probabilities, between which they are straight; else by Breslow's baseline hazard on the
    training side.
    """
    if risks.survival is not None and risks.ends is not None:
        ends = np.append(0.0, risks.ends)
        return np.stack([np.interp(times, ends, np.append(1.0, own)) for own in risks.survival])
    from sksurv.linear_model.coxph import BreslowEstimator

    middle = risks.train.mean()
    baseline = BreslowEstimator().fit(risks.train - middle, train.event, train.time).cum_baseline_hazard_
    steps = np.append(0.0, baseline.y)[np.searchsorted(baseline.x, times, side="right")]
    return np.exp(-np.exp(risks.test - middle)[:, None] * steps)


def _brier(train: Side, test: Side, risks: Risks, tau: float) -> np.ndarray:
    """Return (m,) of each patient, whose mean is the Brier score (Graf et al. 1999), a mean over times up to τ."""
    times = np.linspace(test.time.min(), min(tau, test.time.max()), GRID, endpoint=False)
    survival = survival_at(train, risks, times)
    died = (test.time[:, None] <= times) & test.event[:, None]
    lives = test.time[:, None] > times
    squares = survival**2 * died / observed_until(train, test.time)[:, None]
    squares += (1 - survival) ** 2 * lives / observed_until(train, times)
    return np.trapezoid(squares, times, axis=1) / (times[-1] - times[0])


def log_rank(side: Side, high: np.ndarray) -> float:
    """Return the log-rank p of those with a `high` (n,) risk against the others; NaN where one is empty."""
    from sksurv.compare import compare_survival

    if high.all() or not high.any() or not side.event.any():
        return float("nan")
    return float(compare_survival(_outcome(side), high)[1])


def _outcome(side: Side) -> Any:
    from sksurv.util import Surv

    return Surv.from_arrays(side.event, side.time)
