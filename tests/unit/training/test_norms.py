import pytest
import torch
from torch import nn

from past.training.norms import is_finite, total_norm


def test_the_norm_is_that_of_all_in_one_row() -> None:
    tensors = [torch.rand(3, 2), torch.rand(5)]
    assert total_norm(tensors).item() == pytest.approx(
        torch.cat([tensor.flatten() for tensor in tensors]).norm().item()
    )


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_one_weight_that_is_no_number_is_found(bad: float) -> None:
    layer = nn.Linear(3, 2)
    assert is_finite(layer)
    with torch.no_grad():
        layer.weight[1, 2] = bad
    assert not is_finite(layer)
