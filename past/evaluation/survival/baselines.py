"""What a model's risks stand beside: ridge Cox regressions by scikit-survival, fitted on the training side alone."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from past.base.errors import DataError

COVARIATES, SETS, BOTH, FEATURES = (
    "covariates",
    "ridge, gene sets",
    "ridge, gene sets + covariates",
    "ridge, mean features",
)
ALPHA: Final = 0.1  # of covariates; of gene sets and features it is half the number of training patients


@dataclass(frozen=True)
class Side:
    """The n patients of one side of a fold.

    Attributes:
        names: the patients'.
        time: (n,) months.
        event: (n,) bool.
        covariates: (n, c); NaN where missing.
        gene_sets: (n, S); rows of NaN where there is no expression.
        features: (n, F) mean over all tiles of a patient; rows of NaN without slides.
    """

    names: tuple[str, ...]
    time: np.ndarray
    event: np.ndarray
    covariates: np.ndarray
    gene_sets: np.ndarray
    features: np.ndarray


@dataclass(frozen=True)
class Risks:
    """One way's risks in a fold, higher is worse: (n,) of the training side and (m,) of the test side.

    Attributes:
        train: (n,).
        test: (m,).
        survival: (m, K) probabilities to survive until `ends`; None: they follow from the risks (Breslow).
        ends: (K,) times.
    """

    train: np.ndarray
    test: np.ndarray
    survival: np.ndarray | None = None
    ends: np.ndarray | None = None


def baselines(train: Side, test: Side) -> dict[str, Risks]:
    """Return the ways that the data allow: covariates, ridge on gene sets, on both, on mean features."""
    ridge = len(train.names) / 2
    parts = {
        COVARIATES: [("covariates", ALPHA)],
        SETS: [("gene_sets", ridge)],
        BOTH: [("covariates", ALPHA), ("gene_sets", ridge)],
        FEATURES: [("features", ridge)],
    }
    found = {}
    for name, columns in parts.items():
        sides = [[getattr(side, column) for column, _ in columns] for side in (train, test)]
        if all(part.shape[1] for part in sides[0]):
            alphas = np.concatenate(
                [np.full(part.shape[1], alpha) for part, (_, alpha) in zip(sides[0], columns, strict=True)]
            )
            found[name] = ridge_cox(train, np.hstack(sides[0]), np.hstack(sides[1]), alphas)
    return found


def ridge_cox(train: Side, own: np.ndarray, others: np.ndarray, alphas: np.ndarray) -> Risks:
    """Fit Cox's regression with Breslow's ties and a ridge penalty ½ Σ αₖ βₖ², on the training side's scale.

    Columns are standardised by the training side, its mean stands for what is missing, and those that are constant
    there are left out. Of more columns than patients with one α only the patients' own subspace matters, and only it
    is fitted: the same β.

    Args:
        train: whose times are fitted.
        own: (n, k) of the training side.
        others: (m, k) of the test side.
        alphas: (k,) penalties.

    Raises:
        DataError: scikit-survival is not there; or a column of which nobody in training has a value.
    """
    linear_model, surv = _scikit_survival()
    if np.isnan(own).all(axis=0).any():
        raise DataError("nobody on the training side has a value of one covariate, gene set or feature: leave it out")
    centre = np.nanmean(own, axis=0)
    own, others = (np.where(np.isnan(side), centre, side) - centre for side in (own, others))
    scale = own.std(axis=0, ddof=1)
    varies = scale > 1e-12
    own, others, alphas = own[:, varies] / scale[varies], others[:, varies] / scale[varies], alphas[varies]
    if own.shape[1] > len(own) and len(np.unique(alphas)) == 1:
        _, _, axes = np.linalg.svd(own, full_matrices=False)
        own, others, alphas = own @ axes.T, others @ axes.T, alphas[: len(axes)]
    model = linear_model.CoxPHSurvivalAnalysis(alpha=alphas).fit(own, surv.from_arrays(train.event, train.time))
    return Risks(own @ model.coef_, others @ model.coef_)


def together(*ways: Risks) -> Risks:
    """Return the mean of several ways' risks, each on the scale of its own training side; of one, itself."""
    if len(ways) == 1:
        return ways[0]
    scaled = [[(side - way.train.mean()) / way.train.std() for side in (way.train, way.test)] for way in ways]
    return Risks(*(np.mean(sides, axis=0) for sides in zip(*scaled, strict=True)))


def _scikit_survival() -> tuple[Any, Any]:
    try:
        from sksurv import linear_model
        from sksurv.util import Surv
    except ImportError as error:
        raise DataError("scikit-survival is not there: pip install 'past-pathology[survival]'") from error
    return linear_model, Surv
