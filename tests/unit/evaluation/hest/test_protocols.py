"""What is done with a fold; stored features, one protocol a table."""

from pathlib import Path

import numpy as np
import pytest
from tiny_bench import judge, run, write_task

from past.base.errors import ConfigError, DataError
from past.evaluation.hest.spots import FoldData
from past.evaluation.hest.task import HestBench
from past.evaluation.probes.ridge import RidgeCVHead
from past.nn.colour import ColourGrid


def test_too_many_components_are_refused_with_the_number(tmp_path: Path) -> None:
    write_task(tmp_path)
    with pytest.raises(DataError, match=r"task.components=256, but only 60 training spots: use ≤ 60"):
        run(tmp_path, components=256)
    with pytest.raises(ConfigError, match=r"task.components=0: give a whole number of 1 or more"):
        run(tmp_path, components=0)


def test_two_protocols_never_share_a_table(tmp_path: Path) -> None:
    class Mean:
        protocol = "mean of the training spots"
        takes_recoloured_tiles = False

        def predictor(self, fold: int, mean_colour_removed: bool) -> "Mean":
            return self

        def fingerprint_of(self, fold: int) -> None:
            return None

        def trained_on(self, fold: int) -> None:
            return None

        def predict(self, fold: FoldData) -> np.ndarray:
            mean = np.concatenate([spots.expression for spots in fold.train]).mean(axis=0)
            spots = sum(map(len, fold.test))
            return mean + np.linspace(0, 1, spots)[:, None]

    write_task(tmp_path)
    with pytest.raises(ConfigError, match=r"two \(ridge, 4 components\) and mean \(mean of the training spots\)"):
        run(tmp_path, {"two": ColourGrid(2), "mean": Mean()})
    with pytest.raises(ConfigError, match="encoder=none"):
        judge(HestBench(tmp_path, tmp_path / "cache"), {}, tmp_path / "results")
    _, content = run(tmp_path, {"mean": Mean()})
    assert content["protocol"] == "mean of the training spots"
    with pytest.raises(ConfigError, match="holds results of 'mean of the training spots', not of 'ridge_cv, 4"):
        run(tmp_path, head=RidgeCVHead())
