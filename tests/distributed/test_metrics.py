"""Metrics over two ranks of 7 and 5 samples, or of 12 and none, are those of one process with all twelve."""

from pathlib import Path

import pytest
import torch
from forked import start
from tiny_metrics import scores_of, work


@pytest.mark.parametrize("sizes", [(7, 5), (12, 0)])
def test_two_ranks_of_uneven_samples_are_one_process(sizes: tuple[int, int], tmp_path: Path) -> None:
    start(work, len(sizes), str(tmp_path), sizes)
    whole = scores_of(range(12))
    assert 0 < whole["recall@1/mean"] < 1
    assert 0 < whole["pearson@4"] < 1
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert found.keys() == whole.keys()
        for name, value in whole.items():
            assert found[name] == pytest.approx(value, abs=1e-12), name
    alone = scores_of(range(7))
    assert any(alone[name] != pytest.approx(value) for name, value in whole.items()), "a rank alone says something else"
