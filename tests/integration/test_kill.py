"""kill -9 in the middle of an epoch, again and again: the run is the run that was never killed."""

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from killable import EPOCHS, training
from shards import keys_of, write_set

from past.data.shards.index import ShardIndex
from past.training.checkpoint_io import newest_good_checkpoint, read_checkpoint

SIZES = [17, 12, 9, 20, 8, 11, 14, 16, 5]  # patients P0, P1, P2 in turn; P2 validates


class Log:
    """What every rank trained on: the last word on each step counts, what a kill undid was done again."""

    def __init__(self) -> None:
        self.keys: dict[tuple[int, int], tuple[int, list[str]]] = {}
        self.weights: dict[str, np.ndarray] | None = None

    def listen(self, shards: Path, run: Path, steps: int | None = None, **options: int) -> None:
        """Train for `steps` steps and kill all ranks, or (None) to the end."""
        with training(shards, run, **options) as ranks:
            for made in range(10_000):
                if made == steps:
                    break
                told = [tell.recv() for _, tell in ranks]
                if isinstance(told[0], dict):
                    self.weights = told[0]
                    break
                for rank, (epoch, step, keys) in enumerate(told):
                    self.keys[step, rank] = (epoch, keys)
            if steps is not None:
                for process, _ in ranks:
                    process.kill()

    def forget_after(self, step: int) -> None:
        """Forget the steps after the checkpoint's: other ranks will share out their cells anew."""
        self.keys = {place: told for place, told in self.keys.items() if place[0] < step}

    def cells_of_epochs(self) -> list[Counter[str]]:
        epochs = [Counter[str]() for _ in range(EPOCHS)]
        for epoch, keys in self.keys.values():
            epochs[epoch].update(keys)
        return epochs


def is_the_data(epochs: list[Counter[str]], index: ShardIndex) -> bool:
    whole = Counter(keys_of(index.select(patients=["P0", "P1"])))
    return all(epoch == whole for epoch in epochs)


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_run_is_the_run(tmp_path: Path, kills: int) -> None:
    index = write_set(tmp_path / "shards", SIZES)
    whole, killed = Log(), Log()
    whole.listen(tmp_path / "shards", tmp_path / "whole")
    rng = random.Random(kills)
    for _ in range(kills):
        killed.listen(
            tmp_path / "shards", tmp_path / "killed", steps=rng.randint(1, 72 // kills), workers=rng.randint(0, 3)
        )
    killed.listen(tmp_path / "shards", tmp_path / "killed")
    assert killed.keys == whole.keys
    assert is_the_data(killed.cells_of_epochs(), index)
    assert whole.weights is not None
    assert killed.weights is not None
    for name, value in whole.weights.items():
        np.testing.assert_array_equal(killed.weights[name], value, err_msg=name)


def test_another_number_of_ranks_goes_on_with_the_epoch(tmp_path: Path) -> None:
    index = write_set(tmp_path / "shards", SIZES)
    log, run = Log(), tmp_path / "run"
    log.listen(tmp_path / "shards", run, steps=6)
    log.forget_after(saved_step(run))
    log.listen(tmp_path / "shards", run, steps=7, world=1)
    log.forget_after(saved_step(run))
    log.listen(tmp_path / "shards", run)
    assert is_the_data(log.cells_of_epochs(), index)


def saved_step(run: Path) -> int:
    checkpoint = newest_good_checkpoint(run)
    assert checkpoint is not None
    return int(read_checkpoint(checkpoint)["global_step"])
