"""A batch of four patients: one without slides, one without gene sets."""

import pytest
import torch

from past.models.survival.batch import BagBatch


@pytest.fixture
def batch() -> BagBatch:
    draw = torch.Generator().manual_seed(0)
    lengths = torch.tensor([3, 0, 5, 2])
    return BagBatch(
        names=("A", "B", "C", "D"),
        tiles=torch.randn(10, 6, generator=draw),
        lengths=lengths,
        gene_sets=torch.randn(4, 3, generator=draw),
        has_gene_sets=torch.tensor([True, True, True, False]),
        time=torch.tensor([1.0, 2.0, 3.0, 4.0]),
        event=torch.tensor([True, True, False, True]),
        interval=torch.tensor([0, 0, 1, 1]),
    )
