"""Heads: the library's ridge to its last digits, an alpha that is chosen, and the others' manners."""

import sys

import numpy as np
import pytest

from past.base.errors import ConfigError
from past.evaluation.probes.heads import Head, MLPHead, RandomForestHead, XGBoostHead
from past.evaluation.probes.reduction import Reduced
from past.evaluation.probes.ridge import RidgeCVHead
from past.evaluation.statistics.genes import score_genes


def fold(noise: float = 1.0, spots: int = 300, components: int = 12, genes: int = 4) -> tuple[Reduced, np.ndarray]:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(2 * spots, components)) * np.linspace(3, 0.5, components)).astype(np.float32)
    y = 2 + x @ rng.normal(size=(components, genes)) * 0.2 + rng.normal(0, noise, (2 * spots, genes))
    return Reduced(x[:spots], y[:spots], np.arange(spots) % 3, x[spots:]), y[spots:]


@pytest.mark.parametrize("head", [RandomForestHead(), MLPHead(), RidgeCVHead()], ids=lambda head: head.name)
def test_heads_are_seeded_and_learn(head: Head) -> None:
    data, truth = fold(noise=0.3)
    found = head.predict(data)
    assert np.array_equal(found, head.predict(data))
    assert score_genes(truth, found).pearson.mean() > 0.6


def test_xgboost_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(ConfigError, match=r"pip install 'past-pathology\[xgboost\]'"):
        XGBoostHead().predict(fold()[0])
