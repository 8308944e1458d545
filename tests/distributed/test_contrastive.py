"""Several ranks with uneven batches, in chunks and accumulated, equal one process with the whole batch."""

from pathlib import Path

import pytest
import torch
from forked import start
from tiny_contrast import CASES, SHARES, TOLERANCES, Case, Found, gradients, work


@pytest.fixture(scope="module")
def expected() -> dict[Case, Found]:
    """The whole batch in one process, all at once, in double precision."""
    whole = {case: gradients(case, torch.float64) for case in CASES if case[2] is None}
    return {(kind, batches, chunk): whole[kind, batches, None] for kind, batches, chunk in CASES}


@pytest.mark.slow
@pytest.mark.parametrize("world", SHARES)
def test_uneven_ranks_equal_one_process(world: int, tmp_path: Path, expected: dict[Case, Found]) -> None:
    start(work, world, world, str(tmp_path))
    for rank in range(world):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=False)
        assert len(found) == len(CASES) * len(TOLERANCES)
        for (case, dtype), own in found.items():
            right, tolerance = expected[case], TOLERANCES[dtype]
            assert own.keys() == right.keys()
            for name, value in own.items():
                size = 1e-2 + right[name].abs().max()  # some gradients are 0 but for rounding
                error = (value.double() - right[name]).abs().max() / size
                assert error < tolerance, f"{case} in {dtype}, rank {rank}: {name} is {error:.1e} off"
