"""A run's fold: who is on which side, and what baselines are given of them."""

from pathlib import Path

import numpy as np

from past import config as door
from past.evaluation.survival.fold import side_of
from past.evaluation.survival.runs import open_folds
from past.models.survival.predict import predict_risk

NOTHING = dict.fromkeys(("root", "val", "train", "batch_size", "num_workers", "cache", "cache_gb"))


def test_sides_and_risks_of_a_fold(runs: Path) -> None:
    config = {"output_root": str(runs), "name": "survival", "run_id": "0", "ckpt": "last", "data": NOTHING}
    _, (fold,) = open_folds(config, door, None)
    assert (len(fold.train), len(fold.test)) == (40, 20)
    assert not set(fold.train) & set(fold.test)
    side = side_of(fold.samples, fold.test)
    assert side.names == tuple(fold.test)
    row = side.names.index("P003")
    assert np.allclose(side.features[row], fold.samples.bags.read("P003").tiles.astype(np.float64).mean(0))
    assert np.isnan(side.features[side.names.index("P000")]).all()
    assert np.isnan(side.gene_sets[side.names.index("P057")]).all()
    risks, found = fold.predicted()
    assert found.names == side.names
    assert np.allclose(risks.train, predict_risk(fold.model, fold.samples.bags.batches(fold.train, 40)), atol=1e-5)
    assert risks.survival is None
    assert set(found.attention) == set(fold.test) & set(fold.samples.files)
