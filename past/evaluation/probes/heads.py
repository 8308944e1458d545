"""Heads: from a fold's principal components to the expression of its test spots. Each is a protocol of its own."""

from typing import Protocol

import numpy as np
from sklearn.ensemble import RandomForestRegressor
from sklearn.neural_network import MLPRegressor

from past.base.errors import ConfigError
from past.evaluation.probes.reduction import Reduced


class Head(Protocol):
    """A regression with its settings; `name` says both, and names the protocol in tables."""

    @property
    def name(self) -> str:
        """The protocol's name."""
        ...

    def predict(self, fold: Reduced) -> np.ndarray:
        """Return (m, g) float64 predicted log1p expression of the test spots."""
        ...


class RandomForestHead:
    """The HEST library's: 70 trees for each gene, random_state 42."""

    name = "random_forest"

    def predict(self, fold: Reduced) -> np.ndarray:
        """See Head."""
        forests = [
            RandomForestRegressor(70, random_state=42, n_jobs=-1).fit(fold.train, gene) for gene in fold.expression.T
        ]
        # Threads would add up the trees in any order, and so move the last digits.
        return np.stack([forest.set_params(n_jobs=1).predict(fold.test) for forest in forests], axis=1)


class XGBoostHead:
    """The HEST library's gradient-boosted trees; needs the extra `xgboost`.

    Args:
        seed: random_state.
    """

    name = "xgboost"

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed

    def predict(self, fold: Reduced) -> np.ndarray:
        """See Head.

        Raises:
            ConfigError: xgboost is not installed.
        """
        try:
            from xgboost import XGBRegressor  # type: ignore[import-not-found]
        except ImportError as error:
            raise ConfigError("task/head=xgboost needs xgboost: pip install 'past-pathology[xgboost]'") from error
        model = XGBRegressor(
            n_estimators=100,
            learning_rate=0.1,
            max_depth=3,
            min_child_weight=1,
            subsample=0.8,
            colsample_bytree=0.8,
            gamma=0,
            reg_alpha=0,
            reg_lambda=1,
            random_state=self.seed,
        )
        return model.fit(fold.train, fold.expression).predict(fold.test).astype(np.float64)


class MLPHead:
    """One hidden layer of 256 units for all genes together, stopped early on a tenth of the training spots.

    Args:
        seed: random_state.
    """

    name = "mlp"

    def __init__(self, seed: int = 1) -> None:
        self.seed = seed

    def predict(self, fold: Reduced) -> np.ndarray:
        """See Head."""
        model = MLPRegressor(hidden_layer_sizes=(256,), early_stopping=True, max_iter=1000, random_state=self.seed)
        scale = fold.train.std()
        fitted = model.fit(fold.train / scale, fold.expression)
        return np.asarray(fitted.predict(fold.test / scale), dtype=np.float64).reshape(len(fold.test), -1)
